"""What a list, a report or the breaches are narrowed to, as SQL over `incident i`."""

from typing import Any

from services.dispatch.adapters.tables import DONE_STATES
from services.dispatch.application.ports import Filters, Sight
from services.dispatch.domain.states import GONE_ASSIGNMENT

_CLAUSES = {
    "since": "i.received_at >= %(since)s",
    "until": "i.received_at < %(until)s",
    # Not LIKE: behind row level security only operators that leak nothing of a hidden row may use an index; these two,
    # of text_pattern_ops, are such.
    "prefix": "i.jurisdiction ~>=~ %(prefix)s AND i.jurisdiction ~<~ %(prefix_end)s",
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
_DISPUTE = " AND i.kind = 'dispute'"
_SENT = """EXISTS (
    SELECT FROM assignment a
    WHERE a.incident_id = i.incident_id AND a.team_id = ANY(%(sight_teams)s::uuid[])
      AND a.state <> ALL(%(gone)s::text[])
)"""
_REPORTED = """EXISTS (
    SELECT FROM timeline l WHERE l.incident_id = i.incident_id AND l.seq = 1 AND l.by = %(reporter)s
)"""
_PAST_DIGITS = ":"
"""Behind a prefix of digits it comes after every code that begins so, byte by byte."""


def conditions(filters: Filters) -> tuple[list[str], dict[str, Any]]:
    """The clauses and their parameters. `stage` is the caller's: only breaches have one."""
    clauses, parameters = _seen(filters.sight)
    for name, clause in _CLAUSES.items():
        value = getattr(filters, name)
        if value in (None, "", ()):
            continue
        clauses.append(clause)
        # psycopg2 writes a list as an array, a tuple as a row.
        parameters[name] = list(value) if isinstance(value, tuple) else value
    parameters["prefix_end"] = filters.prefix + _PAST_DIGITS
    if filters.open is not None:
        # Spelt like the partial index, or the planner would not use it.
        clauses.append(f"i.state {'NOT ' if filters.open else ''}IN ({_DONE})")
    if filters.breached is not None:
        clauses.append(_STANDS if filters.breached else f"NOT {_STANDS}")
    if filters.exercise in _EXERCISE:
        clauses.append(_EXERCISE[filters.exercise])
    return clauses, parameters


def _seen(sight: Sight) -> tuple[list[str], dict[str, Any]]:
    """What keeps a look inside somebody's sight."""
    if sight.everywhere:
        return [], {}
    let: list[str] = []
    parameters: dict[str, Any] = {}
    for name, prefixes, also in (("area", sight.prefixes, ""), ("disputes", sight.dispute_prefixes, _DISPUTE)):
        for number, each in enumerate(prefixes):
            start, end = f"{name}_{number}", f"{name}_{number}_end"
            let.append(f"i.jurisdiction ~>=~ %({start})s AND i.jurisdiction ~<~ %({end})s{also}")
            parameters |= {start: each, end: each + _PAST_DIGITS}
    if sight.teams:
        let.append(_SENT)
        parameters |= {"sight_teams": list(sight.teams), "gone": sorted(GONE_ASSIGNMENT)}
    if sight.reporter is not None:
        let.append(_REPORTED)
        parameters["reporter"] = sight.reporter
    return [f"({' OR '.join(let)})" if let else "false"], parameters


def where(clauses: list[str]) -> str:
    """The clauses as a WHERE, or nothing."""
    return f"WHERE {' AND '.join(clauses)}" if clauses else ""
