"""Refusals of dispatch: what was asked cannot be, and why. The edge maps `kind` to an HTTP status once."""

from __future__ import annotations

from typing import Any, ClassVar


class Refusal(Exception):
    """An expected "no": nothing was changed and nobody is paged.

    `code` is stable and documented; `field` names the input that is at fault (dotted); `rule` the rule that was broken;
    `extra` holds ids and codes that help the caller, never anything personal.
    """

    kind: ClassVar[str] = "conflict"

    def __init__(
        self, code: str, detail: str, *, field: str | None = None, rule: str | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field
        self.rule = rule
        self.extra: dict[str, Any] = extra


class Invalid(Refusal):
    """The command is well formed but says something that cannot be true (HTTP 422)."""

    kind = "invalid"


class NotFound(Refusal):
    """What the command names does not exist (HTTP 404)."""

    kind = "not_found"


class Conflict(Refusal):
    """The thing is not in a state that allows this; also "already done" (HTTP 409)."""

    kind = "conflict"


class Forbidden(Refusal):
    """The actor may not do this (HTTP 403)."""

    kind = "forbidden"


class Outdated(Refusal):
    """The command was meant for another version of the thing (HTTP 412)."""

    kind = "precondition"
