"""What a failed call tells its caller: mapped once, here."""

from __future__ import annotations

from typing import Any

from chassis.database import is_away
from chassis.errors import Internal, ServiceError, Unavailable, from_refusal
from chassis.logs import get_logger

_REFUSAL_ATTRIBUTES = ("code", "kind", "detail", "field", "rule", "extra")
_log = get_logger()


class UnknownMethod(ServiceError):
    """The service has no such method: caller and service are of different releases."""

    code, status, title = "unknown_method", 501, "服务不支持此方法 · Method not known to the service"


def problem_of(error: BaseException, method: str) -> dict[str, Any]:
    """The problem document for what a method raised; an unexpected error is logged here and never sent."""
    if isinstance(error, ServiceError):
        return error.to_problem()
    if all(hasattr(error, attribute) for attribute in _REFUSAL_ATTRIBUTES):
        return from_refusal(error).to_problem()  # type: ignore[arg-type]  # checked above: it has the attributes
    if is_away(error):
        return Unavailable("the database is away or busy").to_problem()
    _log.error("call failed", method=method, exc_info=error)
    return Internal().to_problem()
