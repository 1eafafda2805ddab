"""Refusals of the registry: what was asked cannot be, and why."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An expected "no". The edge maps ``kind`` to a status once, for all services.

    ``kind`` is one of invalid, not_found, conflict, forbidden; ``rule`` names the rule that was broken
    and is the key of its message in both languages (application/rules.json).
    """

    def __init__(
        self, code: str, kind: str, detail: str, *, field: str | None = None, rule: str | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.kind = kind
        self.detail = detail
        self.field = field
        self.rule = rule
        self.extra: dict[str, Any] = extra


def broken(rule: str, field: str, detail: str, **extra: Any) -> Refusal:
    """A fact that breaks a rule of the county's books; the code of the refusal is the rule itself."""
    return Refusal(rule, "invalid", detail, field=field, rule=rule, **extra)


def unknown_grid(code: str, field: str = "code") -> Refusal:
    """No such node of the tree (at the time asked for)."""
    return Refusal(
        "unknown_grid", "not_found", f"no grid has the code {code}", field=field, rule="known_grid", grid_code=code
    )


def outside_county() -> Refusal:
    """The point asked for lies in no micro-grid; the point itself is not repeated, it may be somebody's home."""
    return Refusal("outside_county", "not_found", "no micro-grid covers this point", field="lat", rule="inside_county")
