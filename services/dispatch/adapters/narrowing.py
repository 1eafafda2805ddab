"""What a list, a report or the breaches are narrowed to, as SQL over `incident i`."""

from typing import Any

from services.dispatch.adapters.tables import DONE_STATES
from services.dispatch.application.ports import Filters

_CLAUSES = {
    "since": "i.received_at >= %(since)s",
    "until": "i.received_at < %(until)s",
    # A LIKE, because an index with text_pattern_ops serves it.
    "prefix": "i.jurisdiction LIKE %(prefix)s || '%%'",
    "reference_system": "i.reference_system = %(reference_system)s",
    "state": "i.state = ANY(%(state)s::text[])",
    "category": "i.category = ANY(%(category)s::text[])",
    "kind": "i.kind = ANY(%(kind)s::text[])",
    "priority": "i.priority = ANY(%(priority)s::smallint[])",
    "source": "i.source = ANY(%(source)s::text[])",
    "centre": "i.centre_code = ANY(%(centre)s::text[])",
    "backfill": "i.backfill = %(backfill)s",
    "team": "EXISTS (SELECT FROM assignment a WHERE a.incident_id = i.incident_id AND a.team_id = %(team)s)",
    "incident": "i.incident_id = %(incident)s",
}
_DONE = ", ".join(f"'{state}'" for state in DONE_STATES)
_STANDS = "EXISTS (SELECT FROM breach b WHERE b.incident_id = i.incident_id AND b.withdrawn_at IS NULL)"
_EXERCISE = {"exclude": "NOT i.exercise", "only": "i.exercise"}
_LIKE = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})


def conditions(filters: Filters) -> tuple[list[str], dict[str, Any]]:
    """The clauses and their parameters. `stage` is the caller's: only breaches have one."""
    clauses = []
    parameters: dict[str, Any] = {}
    for name, clause in _CLAUSES.items():
        value = getattr(filters, name)
        if value in (None, "", ()):
            continue
        clauses.append(clause)
        parameters[name] = _parameter(name, value)
    if filters.open is not None:
        # Spelt like the partial index, or the planner would not use it.
        clauses.append(f"i.state {'NOT ' if filters.open else ''}IN ({_DONE})")
    if filters.breached is not None:
        clauses.append(_STANDS if filters.breached else f"NOT {_STANDS}")
    if filters.exercise in _EXERCISE:
        clauses.append(_EXERCISE[filters.exercise])
    return clauses, parameters


def _parameter(name: str, value: Any) -> Any:
    if name == "prefix":
        return value.translate(_LIKE)
    # psycopg2 writes a list as an array, a tuple as a row.
    return list(value) if isinstance(value, tuple) else value


def where(clauses: list[str]) -> str:
    """The clauses as a WHERE, or nothing."""
    return f"WHERE {' AND '.join(clauses)}" if clauses else ""
