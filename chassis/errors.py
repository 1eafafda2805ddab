"""Typed errors and how they cross a border: as RFC 9457 problem details.

A refusal is mapped once, here: stable ``code``, HTTP status, whether trying again can help. Everything else that goes
wrong becomes ``Internal`` at the edge, and its text stays in the log.
"""

from collections.abc import Mapping
from typing import Any, Protocol

PROBLEM_TYPE_PREFIX = "urn:wangge:problem:"
_OWN_MEMBERS = frozenset({"type", "title", "status", "detail", "code", "field", "rule", "retryable"})


class RefusalProtocol(Protocol):
    """What a domain refusal looks like; the domain itself imports nothing from here."""

    @property
    def code(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def field(self) -> str | None: ...
    @property
    def rule(self) -> str | None: ...
    @property
    def extra(self) -> dict[str, Any]: ...


class ServiceError(Exception):
    """An expected failure with a stable code; the base of every error that may leave a service.

    ``field`` names the input that is at fault (dotted path), ``rule`` the policy or law behind the refusal, ``extra``
    carries further members of the problem document. Never put personal data in any of them.
    """

    code: str = "internal"
    status: int = 500
    title: str = "服务内部错误 · Internal error"
    retryable: bool = False

    def __init__(
        self,
        detail: str = "",
        *,
        code: str | None = None,
        field: str | None = None,
        rule: str | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code
        self.field = field
        self.rule = rule
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code

    def to_problem(self) -> dict[str, Any]:
        """The problem document (RFC 9457); ``field`` and ``rule`` only when they are known."""
        extra = {name: value for name, value in self.extra.items() if name not in _OWN_MEMBERS}
        problem = {
            "type": PROBLEM_TYPE_PREFIX + self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "retryable": self.retryable,
            **extra,
        }
        if self.field is not None:
            problem["field"] = self.field
        if self.rule is not None:
            problem["rule"] = self.rule
        return problem

    @staticmethod
    def from_problem(document: Mapping[str, Any]) -> "ServiceError":
        """The error that another service sent; of the class its code, else its status, stands for."""
        status = int(document.get("status", 500))
        code = str(document.get("code", "internal"))
        error_class = _BY_CODE.get(code) or _BY_STATUS.get(status, ServiceError)
        error = error_class(str(document.get("detail", "")), code=code)
        error.extra = {name: value for name, value in document.items() if name not in _OWN_MEMBERS}
        error.status = status
        error.title = str(document.get("title", error_class.title))
        error.retryable = bool(document.get("retryable", error_class.retryable))
        error.field = document.get("field")
        error.rule = document.get("rule")
        return error


class InvalidInput(ServiceError):
    """Well formed, but a value breaks a rule."""

    code, status, title = "invalid_input", 422, "输入有误 · Invalid input"


class MalformedRequest(ServiceError):
    """Cannot be read at all: encoding, syntax."""

    code, status, title = "malformed_request", 400, "请求无法解析 · Malformed request"


class Unauthorised(ServiceError):
    """Nobody is known to be calling."""

    code, status, title = "missing_token", 401, "未登录 · Not authenticated"


class Unauthenticated(ServiceError):
    """A call inside the house whose caller nobody vouches for: without an assertion, or with one that does not hold."""

    code, status, title = "unauthenticated", 401, "调用方未经核实 · Caller not vouched for"


class Forbidden(ServiceError):
    """The caller is known and may not do this."""

    code, status, title = "forbidden", 403, "无权操作 · Not permitted"


class NotFound(ServiceError):
    """No such thing, or none that this caller may see."""

    code, status, title = "not_found", 404, "未找到 · Not found"


class Conflict(ServiceError):
    """The present state does not allow it."""

    code, status, title = "conflict", 409, "与当前状态冲突 · Conflicts with the present state"


class PreconditionFailed(ServiceError):
    """The thing is not of the version that the request was made for; `current_version` says of which it is."""

    code, status, title = "version_mismatch", 412, "版本已变 · Changed meanwhile"


class PayloadTooLarge(ServiceError):
    """The body passes the limit."""

    code, status, title = "payload_too_large", 413, "内容过大 · Payload too large"


class IdempotencyKeyReused(ServiceError):
    """The key was used before for another body."""

    code, status, title = "idempotency_key_reused", 422, "幂等键已用于其他内容 · Idempotency key reused"


class Unavailable(ServiceError):
    """Something this needs is away; the same request may succeed later, with the same idempotency key."""

    code, status, title, retryable = "unavailable", 503, "服务暂不可用 · Temporarily unavailable", True


class DeadlineExceeded(ServiceError):
    """The caller's deadline passed before an answer was there; the outcome may be unknown."""

    code, status, title, retryable = "deadline_exceeded", 504, "超过时限 · Deadline exceeded", True


class Internal(ServiceError):
    """A defect. The detail says nothing of its cause: that is in the log."""


_CLASSES: tuple[type[ServiceError], ...] = (
    InvalidInput,
    MalformedRequest,
    Unauthorised,
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    PreconditionFailed,
    PayloadTooLarge,
    IdempotencyKeyReused,
    Unavailable,
    DeadlineExceeded,
    Internal,
)
_BY_CODE = {error_class.code: error_class for error_class in _CLASSES}
# Reversed, so that the first class listed wins where two share a status.
_BY_STATUS = {error_class.status: error_class for error_class in reversed(_CLASSES)}
_BY_KIND: dict[str, type[ServiceError]] = {
    "invalid": InvalidInput,
    "not_found": NotFound,
    "conflict": Conflict,
    "forbidden": Forbidden,
    "precondition": PreconditionFailed,
}


def from_refusal(refusal: RefusalProtocol) -> ServiceError:
    """The service error for a domain refusal; an unknown kind is a defect and becomes a conflict nobody can retry."""
    error_class = _BY_KIND.get(refusal.kind, Conflict)
    error = error_class(refusal.detail, code=refusal.code, field=refusal.field, rule=refusal.rule)
    error.extra = dict(refusal.extra)
    return error
