"""Denied requests on the record: written with the transaction that denied them, read by auditors, never changed."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from chassis import metrics
from chassis.ids import uuid7
from chassis.script import Executes
from services.dispatch.adapters import bulk, cursors
from services.dispatch.application.terms import Denial, DenialFilters
from services.dispatch.domain.events import wire_time

_COLUMNS = (
    ("denial_id", "uuid"), ("said_by", "text"), ("asked", "text"), ("code", "text"), ("subject", "text"),
    ("client", "text"), ("credential", "text"), ("permission", "text"), ("rule", "text"), ("purpose", "text"),
    ("about", "text"), ("jurisdiction", "text"), ("request_id", "text"), ("times", "integer"),
)  # fmt: skip
_NAMES = ", ".join(name for name, _ in _COLUMNS)
_CLAUSES = {
    "since": "recorded_at >= %(since)s",
    "until": "recorded_at < %(until)s",
    "subject": "subject = %(subject)s",
    "permission": "permission = %(permission)s",
}


class DenialRepository:
    """Implements `application.ports.Denials`."""

    def __init__(self) -> None:
        self._told: list[Denial] = []

    def add(self, denial: Denial) -> None:
        """Write with the rest."""
        self._told.append(denial)

    def save(self, to: Executes) -> None:
        """Write what was added."""
        write(to, self._told)
        self._told = []


def write(to: Executes, denials: Sequence[Denial]) -> None:
    """Add denials to the record, and to the count."""
    for each in denials:
        metrics.DENIED.labels(each.said_by, each.permission or "none", each.rule or each.code).inc(each.times)
    bulk.insert(to, "denial", _COLUMNS, [{"denial_id": uuid7(), **asdict(each)} for each in denials])


def page(
    connection: Connection, filters: DenialFilters, limit: int, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Newest first, and the next cursor. Raises ValueError for a cursor that was not given out here."""
    parameters: dict[str, Any] = {
        name: getattr(filters, name) for name in _CLAUSES if getattr(filters, name) is not None
    }
    clauses = [_CLAUSES[name] for name in parameters]
    if cursor is not None:
        clauses.append("(recorded_at, denial_id) < (%(at)s, %(after)s)")
        parameters["at"], parameters["after"] = cursors.read(cursor, "denials")
    where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
    rows = bulk.select(
        connection,
        f"SELECT recorded_at, {_NAMES} FROM denial {where} ORDER BY recorded_at DESC, denial_id DESC LIMIT %(limit)s",
        {**parameters, "limit": limit + 1},
    )
    following = cursors.write("denials", *rows[limit - 1][:2]) if len(rows) > limit else None
    return [_view(*row) for row in rows[:limit]], following


def _view(recorded_at: datetime, *values: Any) -> dict[str, Any]:
    view = dict(zip((name for name, _ in _COLUMNS), values, strict=True))
    return {**view, "denial_id": str(view["denial_id"]), "recorded_at": wire_time(recorded_at)}
