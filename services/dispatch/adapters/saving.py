"""Writes what a transaction changed: a fixed handful of statements, however many aggregates there are."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chassis.deadlines import Deadline, arm, disarm
from chassis.outbox import Outgoing
from chassis.script import Script
from services.dispatch.adapters import bulk, incident_rows, timeline
from services.dispatch.adapters.incident_rows import ASSIGNMENT_FIXED, ASSIGNMENT_MOVING, FIXED, MOVING
from services.dispatch.adapters.incidents import IncidentRepository
from services.dispatch.adapters.tables import chassis
from services.dispatch.adapters.teams import TeamRepository
from services.dispatch.domain.centre import Centre
from services.dispatch.domain.clocks import Breach
from services.dispatch.domain.incident import Incident

_BREACH_KEY = (("incident_id", "uuid"), ("stage", "text"), ("generation", "integer"))
_BREACH_REST = (
    ("due_at", "timestamptz"), ("recorded_at", "timestamptz"), ("target_seconds", "double precision"),
    ("late_by_seconds", "double precision"), ("holder", "text"), ("holder_kind", "text"), ("backfill", "boolean"),
    ("withdrawn_at", "timestamptz"), ("withdraw_reason", "text"),
)  # fmt: skip
_UPSERT_BREACH = bulk.upsert_tail("incident_id, stage, generation", _BREACH_REST)


def save_incidents(script: Script, incidents: IncidentRepository) -> list[Outgoing]:
    """Write every changed incident with all that belongs to it.

    Returns the messages for the outbox. Incidents that are stored were locked before they were changed: that one of
    them is not there fails the script.
    """
    changed = incidents.changed()
    links, messages = incidents.record(changed)
    rows = [{**incident_rows.fixed(each), **incidents.row(each)} for each in changed if each.is_new]
    bulk.insert(script, "incident", (*FIXED, *MOVING), rows)
    new, old = ([incident_rows.assignment_row(a) for a in each] for each in incidents.assignments(changed))
    bulk.insert(script, "assignment", (*ASSIGNMENT_FIXED, *ASSIGNMENT_MOVING), new)
    bulk.update(script, "assignment", "assignment_id", ASSIGNMENT_MOVING, old)
    breaches = [_breach_row(each, breach) for each in changed for breach in each.breaches.values()]
    bulk.insert(script, "breach", (*_BREACH_KEY, *_BREACH_REST), breaches, _UPSERT_BREACH)
    bulk.insert(script, "timeline", timeline.COLUMNS, links)
    _write_deadlines(script, changed)
    rows = [incidents.row(each) for each in changed if not each.is_new]
    bulk.update(script, "incident", "incident_id", MOVING, rows, kept=incident_rows.DOCUMENTS, must_exist=True)
    incidents.saved(changed)
    return messages


def save_teams(teams: TeamRepository, centres: Callable[[], Sequence[Centre]]) -> list[Outgoing]:
    """Write changed teams; returns the messages for the outbox, in the jurisdiction of each team's centre."""
    changed = teams.changed()
    if not changed:
        return []
    grid_of = {centre.code: centre.grid_code for centre in centres()}
    messages = [m for each in changed for m in timeline.team_messages(each, grid_of.get(each.centre_code))]
    teams.save()
    for each in changed:
        each.events.clear()
    return messages


def _breach_row(incident: Incident, breach: Breach) -> dict[str, Any]:
    return {
        "incident_id": incident.id,
        **{name: getattr(breach, name) for name, _ in (*_BREACH_KEY[1:], *_BREACH_REST)},
    }


def _write_deadlines(script: Script, changed: Iterable[Incident]) -> None:
    armed: list[Deadline] = []
    disarmed: list[tuple[str, str, int]] = []
    for incident in changed:
        subject = str(incident.id)
        kept = set(incident.deadlines.armed)
        for change in incident.deadlines.collect():
            if change.due_at is not None:
                armed.append(Deadline(subject, change.kind, change.generation, change.due_at))
            elif not incident.is_new and (change.kind, change.generation) not in kept:
                # Of a new incident nothing is armed yet; what is armed anew is moved, not deleted and made again.
                disarmed.append((subject, change.kind, change.generation))
    disarm(script, chassis.deadline, disarmed)
    arm(script, chassis.deadline, armed)
