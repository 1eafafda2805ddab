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
    "state": "i.state = %(state)s",
    "category": "i.category = %(category)s",
    "centre": "i.centre_code = %(centre)s",
    "team": "EXISTS (SELECT FROM assignment a WHERE a.incident_id = i.incident_id AND a.team_id = %(team)s)",
    "incident": "i.incident_id = %(incident)s",
}
_DONE = ", ".join(f"'{state}'" for state in DONE_STATES)
_EXERCISE = {"exclude": "NOT i.exercise", "only": "i.exercise"}
_LIKE = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})


def conditions(filters: Filters) -> tuple[list[str], dict[str, Any]]:
    """The clauses and their parameters. `stage` is the caller's: only breaches have one."""
    clauses = []
    parameters: dict[str, Any] = {}
    for name, clause in _CLAUSES.items():
        value = getattr(filters, name)
        if value is not None and value != "":
            clauses.append(clause)
            parameters[name] = value.translate(_LIKE) if name == "prefix" else value
    if filters.open is not None:
        # Spelt like the partial index, or the planner would not use it.
        clauses.append(f"i.state {'NOT ' if filters.open else ''}IN ({_DONE})")
    if filters.exercise in _EXERCISE:
        clauses.append(_EXERCISE[filters.exercise])
    return clauses, parameters


def where(clauses: list[str]) -> str:
    """The clauses as a WHERE, or nothing."""
    return f"WHERE {' AND '.join(clauses)}" if clauses else ""
