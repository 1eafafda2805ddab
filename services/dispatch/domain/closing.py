"""How an incident ends, and how it starts again: close, archive, cancel, reopen."""

from __future__ import annotations

from services.dispatch.domain.errors import Conflict
from services.dispatch.domain.fieldwork import end_assignment
from services.dispatch.domain.guards import flagged, refuse_repeat, refuse_unless, stamp_for
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.stamps import PastStamp, Report, Stamp, is_backfill
from services.dispatch.domain.states import OPEN_INCIDENT, IncidentState

_ENDED = (IncidentState.CANCELLED, IncidentState.MERGED)
_OF_ONE_CYCLE = ("acknowledged", "resolved", "fed_back", "closed", "cancelled")


def close(incident: Incident, report: Report, reason: str | None = None) -> None:
    """Nothing is left to do. Assignments that nobody cleared are taken back, so that no team stays busy for ever.

    A cancelled or merged incident needs no feedback. Raises Conflict `already_closed`, `feedback_required`,
    `impossible_transition`; Invalid for the stamp.
    """
    refuse_repeat(incident, "closed")
    refuse_unless(incident, (IncidentState.RESOLVED, *_ENDED), "close")
    if incident.state is IncidentState.RESOLVED and "fed_back" not in incident.stamps:
        raise Conflict(
            "feedback_required", "the result must be fed back before the incident is closed", rule="states.close",
            incident_id=str(incident.id), state=str(incident.state),
        )  # fmt: skip
    stamp = stamp_for(incident, "closed", report)
    _take_back_all(incident, report, "incident_closed")
    incident.stamps["closed"] = stamp
    incident.state = IncidentState.CLOSED
    incident.remark(report, "closed", reason)
    incident.emit("closed", report, **flagged(stamp))
    incident.stop_clocks(report.occurred_at, report, "closed")


def archive(incident: Incident, report: Report, reason: str | None = None) -> None:
    """Shelve the record; nothing is stamped on it any more.

    Raises Conflict `already_archived`, `impossible_transition`; Invalid for the stamp.
    """
    refuse_repeat(incident, "archived")
    refuse_unless(incident, (IncidentState.CLOSED,), "archive")
    stamp = stamp_for(incident, "archived", report)
    incident.stamps["archived"] = stamp
    incident.state = IncidentState.ARCHIVED
    incident.remark(report, "archived", reason)
    incident.emit("archived", report, **flagged(stamp))


def cancel(incident: Incident, report: Report, reason: str) -> None:
    """It needs nobody after all: teams are called back, clocks stop.

    Raises Conflict `already_cancelled`, `incident_merged`, `impossible_transition`; Invalid for the stamp.
    """
    refuse_repeat(incident, "cancelled")
    refuse_unless(incident, OPEN_INCIDENT, "cancel")
    stamp = stamp_for(incident, "cancelled", report)
    _take_back_all(incident, report, "incident_cancelled")
    incident.stamps["cancelled"] = stamp
    incident.state = IncidentState.CANCELLED
    incident.remark(report, "cancelled", reason)
    incident.emit("cancelled", report, **flagged(stamp))
    incident.stop_clocks(report.occurred_at, report, "cancelled")


def reopen(incident: Incident, report: Report, reason: str) -> None:
    """It needs somebody again: back to its centre's desk, on clocks of a new generation; what was stamped is kept.

    An incident that no centre ever had goes back to `received`. Raises Conflict `incident_merged`,
    `impossible_transition`; Invalid for the stamp.
    """
    refuse_unless(incident, (IncidentState.RESOLVED, IncidentState.CLOSED, IncidentState.CANCELLED), "reopen")
    if incident.merge is not None:
        raise Conflict(
            "incident_merged",
            "the incident stands under another one",
            incident_id=str(incident.id),
            into=str(incident.merged_into),
        )
    stamp = stamp_for(incident, "reopened", report)
    earlier = [
        ("reopened", incident.stamps.get("reopened")),
        *((name, incident.stamps.pop(name, None)) for name in _OF_ONE_CYCLE),
    ]
    incident.past_stamps += [PastStamp(incident.cycle, name, kept) for name, kept in earlier if kept is not None]
    incident.stop_clocks(report.occurred_at, report, "reopened")
    incident.stamps["reopened"] = stamp
    incident.backfill = is_backfill(report, incident.policy.stamp_rules)
    incident.cycle += 1
    incident.round += 1
    incident.level_code, incident.level = incident.home_code or incident.grid_code, incident.home_level
    incident.outcome = incident.disposition = None
    was_pushed = "pushed" in incident.stamps
    incident.state = IncidentState.PUSHED if was_pushed else IncidentState.RECEIVED
    incident.remark(report, "reopened", reason)
    incident.emit("reopened", report, generation=incident.cycle, **flagged(stamp))
    incident.start_clock("assign" if was_pushed else "push", "reopened", report.occurred_at, report)
    incident.start_clock("resolve", "reopened", report.occurred_at, report)


def _take_back_all(incident: Incident, report: Report, reason: str) -> None:
    for assignment in incident.roster.open():
        stamp = Stamp(report.occurred_at, report.recorded_at, report.by, report.source)
        end_assignment(incident, assignment, "withdrawn", stamp, reason)
        incident.emit("withdrawn", report, assignment_id=str(assignment.id), team_id=str(assignment.team_id))
