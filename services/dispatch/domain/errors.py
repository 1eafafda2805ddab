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


class Denied(Refusal):
    """Refused for want of a right; leaves a record.

    `permission` is what was missing, `rule_broken` why, `about` the id of what it was about and `place` its grid code.
    The last two are for the record and never leave in an answer.
    """

    permission = rule_broken = about = place = ""

    def on_record(self, permission: str, rule: str, about: str = "", place: str = "") -> Denied:
        """This denial, with what its record tells."""
        self.permission, self.rule_broken, self.about, self.place = permission, rule, about, place
        return self


class Forbidden(Denied):
    """The actor may not do this (HTTP 403)."""

    kind = "forbidden"

    @classmethod
    def to(cls, permission: str, rule: str, detail: str, about: str = "", place: str = "") -> Denied:
        """Refused `permission` by a rule: role, jurisdiction or purpose."""
        denied = cls("forbidden", detail, rule=rule, permission=permission, on_record=True)
        return denied.on_record(permission, rule, about, place)


class Hidden(NotFound, Denied):
    """It is there, and this actor may not know: told in the words that would be used if it were not (HTTP 404)."""

    @classmethod
    def instead_of(cls, absent: NotFound) -> Hidden:
        """In the words of `absent`."""
        return cls(absent.code, absent.detail, field=absent.field, rule=absent.rule, **absent.extra)


class Outdated(Refusal):
    """The command was meant for another version of the thing (HTTP 412)."""

    kind = "precondition"
