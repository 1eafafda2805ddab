"""What a desk does with an incident: push, acknowledge, escalate, resolve, feed back, hand over, note."""

from __future__ import annotations

from dataclasses import dataclass

from services.dispatch.domain.errors import Conflict
from services.dispatch.domain.fieldwork import stop_awaiting
from services.dispatch.domain.guards import flagged, refuse_future, refuse_repeat, refuse_unless, stamp_for
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.stamps import Report
from services.dispatch.domain.states import AT_WORK, OPEN_INCIDENT, IncidentState


@dataclass(frozen=True, slots=True)
class Skip:
    """A centre that a push went past, and why."""

    centre_code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Route:
    """The centre that answers for an incident, where it stands in the grid tree, and whom the push went past."""

    centre_code: str
    grid_code: str | None
    level: str | None
    skipped: tuple[Skip, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One level further up the grid tree; `is_top` when nobody stands above it."""

    grid_code: str
    level: str
    is_top: bool
    centre_code: str | None = None


def push(incident: Incident, route: Route, report: Report, note: str | None = None) -> None:
    """Put the incident on a centre's desk; from `pushed` again, onto another centre's.

    Raises Conflict `already_pushed`, `incident_merged`, `impossible_transition`; Invalid for the stamp.
    """
    if incident.state is IncidentState.PUSHED and route.centre_code != incident.centre_code:
        _redirect(incident, route, report, note)
        return
    if incident.state is not IncidentState.MERGED:
        refuse_repeat(incident, "pushed")
    refuse_unless(incident, (IncidentState.RECEIVED,), "push")
    stamp = stamp_for(incident, "pushed", report)
    incident.stamps["pushed"] = stamp
    incident.state = IncidentState.PUSHED
    _settle_at(incident, route)
    # A duplicate's teams may be on their way before the root itself is pushed.
    incident.derive()
    incident.remark(report, "pushed", note)
    incident.emit("pushed", report, **_push_data(route), **_odd(route, stamp.flags))
    incident.judge_clocks(("push",), report)
    incident.start_clock("assign", "pushed", report.occurred_at, report)
    if incident.absorbed:
        incident.judge_clocks(("assign",), report)
        if incident.state is IncidentState.PUSHED and _nobody_is_asked(incident):
            incident.fall_back(report)


def acknowledge(incident: Incident, report: Report, note: str | None = None) -> None:
    """The centre has seen it. An assignment implies it; a report that comes later takes the implied one's place.

    Raises Conflict `already_acknowledged`, `incident_merged`, `impossible_transition`; Invalid for the stamp.
    """
    refuse_repeat(incident, "acknowledged")
    refuse_unless(incident, AT_WORK, "acknowledge")
    stamp = stamp_for(incident, "acknowledged", report)
    incident.stamps["acknowledged"] = stamp
    incident.remark(report, "acknowledged", note)
    incident.emit("acknowledged", report, centre_code=incident.centre_code, **flagged(stamp))


def escalate(incident: Incident, step: Step | None, report: Report, reason: str) -> None:
    """One level further up answers for it now, because a person asks.

    Raises Conflict `top_reached`, `incident_merged`, `impossible_transition`.
    """
    refuse_unless(incident, OPEN_INCIDENT, "escalate")
    if step is None:
        raise Conflict(
            "top_reached", "nobody stands above the present level", incident_id=str(incident.id), level=incident.level
        )
    refuse_future(incident, report)
    incident.remark(report, "escalated", reason)
    climb(incident, step, report, stage=None, reason="requested")


def climb(incident: Incident, step: Step, report: Report, *, stage: str | None, reason: str) -> None:
    """Move the incident's attention to `step` and tell it."""
    before = incident.level_code
    incident.level_code, incident.level = step.grid_code, step.level
    incident.emit(
        "escalated", report, from_code=before, to_code=step.grid_code, level=step.level, stage=stage, reason=reason
    )


def resolve(incident: Incident, report: Report, outcome: str, note: str | None = None) -> None:
    """What needed doing is done; what was still asked for is not any more.

    Raises Conflict `already_resolved`, `incident_merged`, `impossible_transition`; Invalid for the stamp.
    """
    refuse_repeat(incident, "resolved")
    refuse_unless(incident, AT_WORK, "resolve")
    stamp = stamp_for(incident, "resolved", report)
    incident.stamps["resolved"] = stamp
    incident.state, incident.outcome = IncidentState.RESOLVED, outcome
    incident.remark(report, "resolved", note)
    incident.emit("resolved", report, outcome=outcome, **flagged(stamp))
    incident.judge_clocks(("resolve",), report)
    incident.stop_clocks(report.occurred_at, report, "resolved")
    for assignment in incident.roster.open():
        stop_awaiting(incident, assignment)
    incident.start_clock("feedback", "resolved", report.occurred_at, report)


def feed_back(incident: Incident, report: Report, disposition: str, note: str | None = None) -> None:
    """The result was told to whoever asked; the state stays `resolved`.

    Raises Conflict `already_fed_back`, `incident_merged`, `impossible_transition`; Invalid for the stamp.
    """
    refuse_repeat(incident, "fed_back")
    refuse_unless(incident, (IncidentState.RESOLVED,), "feed back")
    stamp = stamp_for(incident, "fed_back", report)
    incident.stamps["fed_back"] = stamp
    incident.disposition = disposition
    incident.remark(report, "fed_back", note)
    incident.emit("fed_back", report, disposition=disposition, **flagged(stamp))
    incident.judge_clocks(("feedback",), report)


def hand_over(incident: Incident, report: Report, to: str, reason: str) -> None:
    """Another service takes the matter further; the incident goes its own way.

    Raises Conflict `already_handed_over`, `incident_merged`, `impossible_transition`.
    """
    if incident.handed_over_to is not None:
        raise Conflict(
            "already_handed_over", f"already handed over to {incident.handed_over_to}", incident_id=str(incident.id)
        )
    refuse_unless(incident, (*AT_WORK, IncidentState.RESOLVED, IncidentState.CLOSED), "hand over")
    refuse_future(incident, report)
    incident.handed_over_to = to
    incident.remark(report, "handed_over", reason)
    incident.emit("handed_over", report, to=to, category=incident.category)


def add_note(incident: Incident, report: Report, text: str) -> None:
    """Keep a remark; the event says only that there is one. Raises Conflict when the incident is archived."""
    refuse_unless(incident, [state for state in IncidentState if state is not IncidentState.ARCHIVED], "note")
    refuse_future(incident, report)
    incident.remark(report, "note", text)
    incident.emit("note_added", report)


def tell_contact_read(incident: Incident, report: Report, purpose: str) -> None:
    """Leave the record of somebody having read the caller's contact details."""
    incident.emit("contact_read", report, purpose=purpose)


def _nobody_is_asked(incident: Incident) -> bool:
    # A duplicate's team met the clock, and is gone again.
    clock = incident.clockwork.current("assign")
    return clock is not None and clock.ended_at is not None


def _redirect(incident: Incident, route: Route, report: Report, note: str | None) -> None:
    refuse_future(incident, report)
    _settle_at(incident, route)
    incident.remark(report, "pushed", note)
    incident.emit("pushed", report, **_push_data(route), **_odd(route, ()))


def _settle_at(incident: Incident, route: Route) -> None:
    incident.centre_code = route.centre_code
    incident.home_code = incident.level_code = route.grid_code or incident.level_code
    incident.home_level = incident.level = route.level
    incident.flags += [flag for flag in route.flags if flag not in incident.flags]


def _push_data(route: Route) -> dict[str, object]:
    skipped = [{"centre_code": skip.centre_code, "reason": skip.reason} for skip in route.skipped]
    return {"centre_code": route.centre_code, **({"skipped": skipped} if skipped else {})}


def _odd(route: Route, flags: tuple[str, ...]) -> dict[str, list[str]]:
    odd = [*route.flags, *flags]
    return {"flags": odd} if odd else {}
