"""What teams do on an incident: each stage is stamped on the assignment, the incident's state follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.dispatch.domain.assignment import Assignment
from services.dispatch.domain.errors import Conflict
from services.dispatch.domain.guards import flagged, refuse_unless
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.skills import sent_for
from services.dispatch.domain.stamps import Report, Stamp, judge
from services.dispatch.domain.states import AT_WORK, OPEN_INCIDENT, AssignmentState, IncidentState

# A team that is still out may tell its stages whatever has become of the incident, until it is shelved.
_TELLABLE = frozenset(IncidentState) - {IncidentState.ARCHIVED}
_ENDED = {
    "refused": AssignmentState.REFUSED,
    "expired": AssignmentState.EXPIRED,
    "withdrawn": AssignmentState.WITHDRAWN,
}
_EVENT_OF = {"expired": "offer_expired"}


@dataclass(frozen=True, slots=True)
class Offer:
    """A team that is to go and what it can do (None: not known); `flags` say what is odd about the choice."""

    assignment_id: UUID
    team_id: UUID
    centre_code: str
    auto: bool = False
    flags: tuple[str, ...] = ()
    skills: tuple[str, ...] | None = None


def assign(incident: Incident, offer: Offer, report: Report, note: str | None = None) -> Assignment:
    """Offer the incident to a team. Its answer is awaited as long as the policy says, unless this is long past.

    A resolved incident takes an assignment that happened before it was resolved. Raises Conflict
    `team_already_assigned`, `not_pushed`, `incident_merged`, `impossible_transition`; Invalid for the stamp.
    """
    refuse_unless_assignable(incident, report)
    _refuse_twice(incident, offer.team_id)
    if any(offer.team_id in duplicate.going for duplicate in incident.absorbed.values()):
        raise _on_it_already(offer.team_id)
    previous = incident.at("reopened") or incident.at("pushed")
    flags = _judged(incident, report, previous=previous) + offer.flags
    seq = len(incident.assignments) + 1
    assignment = Assignment(
        offer.assignment_id, incident.id, offer.team_id, seq, incident.cycle, incident.round, offer.centre_code,
        offer.auto, skills=offer.skills
    )  # fmt: skip
    stamp = Stamp(report.occurred_at, report.recorded_at, report.by, report.source, flags)
    assignment.stamps["assigned"] = stamp
    incident.roster.add(assignment)
    if "acknowledged" not in incident.stamps:
        incident.stamps["acknowledged"] = Stamp(
            report.occurred_at, report.recorded_at, report.by, report.source, ("implied",)
        )
    incident.derive()
    incident.remark(report, "assigned", note)
    brought = sent_for(incident, assignment)
    incident.emit(
        "assigned", report, **_who(assignment), centre_code=offer.centre_code, attempt=seq, auto=offer.auto,
        **({"skills": list(brought)} if brought else {}), **flagged(stamp),
    )  # fmt: skip
    _await_answer(incident, assignment, report)
    incident.judge_clocks(("assign",), report)
    watch_arrival(incident, report)
    return assignment


def accept(incident: Incident, assignment: Assignment, report: Report, note: str | None = None) -> None:
    """The team takes it. Raises Conflict `already_accepted`, `assignment_<state>`; Invalid for the stamp."""
    _tell(incident, assignment, "accepted", report)
    incident.remark(report, "accepted", note)


def depart(incident: Incident, assignment: Assignment, report: Report) -> None:
    """The team is on its way, which implies that it took it.

    Raises Conflict `already_departed`, `assignment_<state>`; Invalid.
    """
    _tell(incident, assignment, "departed", report)


def arrive(incident: Incident, assignment: Assignment, report: Report) -> None:
    """The team is on the scene, whether or not it told that it departed.

    Raises Conflict `already_arrived`, …; Invalid.
    """
    _tell(incident, assignment, "arrived", report)


def clear(incident: Incident, assignment: Assignment, report: Report) -> None:
    """The team is free of the incident.

    Raises Conflict `already_cleared`, `assignment_<state>`; Invalid for the stamp.
    """
    _tell(incident, assignment, "cleared", report)


def refuse(incident: Incident, assignment: Assignment, report: Report, reason: str) -> None:
    """The team does not take the offer.

    Raises Conflict `already_refused`, `already_accepted`, `assignment_<state>`; Invalid.
    """
    _end(incident, assignment, "refused", report, reason)


def withdraw(incident: Incident, assignment: Assignment, report: Report, reason: str) -> None:
    """The centre takes the assignment back. Raises Conflict `already_withdrawn`, `assignment_<state>`; Invalid."""
    _end(incident, assignment, "withdrawn", report, reason)


def expire(incident: Incident, assignment: Assignment, report: Report) -> None:
    """Nobody answered the offer in time; the clock says so, never a person."""
    _end(incident, assignment, "expired", report, "no_answer")


def watch_arrival(incident: Incident, report: Report) -> None:
    """Have the arrive clock of this cycle run from the first assignment on, whoever goes in the end."""
    started_at = incident.roster.first("assigned", cycle=incident.cycle)
    for absorbed in incident.absorbed.values():
        at = absorbed.first_assigned_at if absorbed.round and absorbed.cycle == incident.cycle else None
        started_at = min(filter(None, (started_at, at)), default=None)
    if started_at is not None:
        clock = incident.clockwork.current("arrive")
        if clock is None or clock.cycle != incident.cycle or clock.stop_reason == "unmerged":
            incident.start_clock("arrive", "assigned", started_at, report)
    incident.judge_clocks(("arrive",), report)
    _stop_what_is_over(incident, report)


def _stop_what_is_over(incident: Incident, report: Report) -> None:
    # Only after judging: who has arrived meets the clock; stopped first, it would breach and be taken back at once.
    if incident.state in OPEN_INCIDENT:
        return
    ended = "resolved" if "resolved" in incident.stamps else "cancelled"
    incident.stop_clocks(incident.at(ended) or report.occurred_at, report, ended, ("push", "assign", "arrive"))


def _tell(incident: Incident, assignment: Assignment, stage: str, report: Report) -> None:
    refuse_unless(incident, _TELLABLE, stage)
    assignment.refuse_unless_stampable(stage)
    revived = assignment.state is AssignmentState.EXPIRED
    if revived:
        refuse_unless(incident, (*AT_WORK, IncidentState.MERGED), "answer an expired offer of")
        assignment.refuse_unless_of_cycle(incident.cycle)
        _refuse_twice(incident, assignment.team_id)
    previous, following = assignment.neighbours(stage)
    flags = _judged(incident, report, previous=previous, following=following)
    if revived:
        flags += ("after_expiry",)
        assignment.revived_round, assignment.revived_at = incident.round, report.occurred_at
    first = stage == "arrived" and incident.first_on_scene_at is None
    stamp = Stamp(report.occurred_at, report.recorded_at, report.by, report.source, flags)
    assignment.stamps[stage] = stamp
    if stage in {"departed", "arrived"} and "accepted" not in assignment.stamps:
        assignment.stamps["accepted"] = Stamp(
            report.occurred_at, report.recorded_at, report.by, report.source, ("implied",)
        )
    assignment.settle()
    incident.roster.changed[assignment.id] = assignment
    stop_awaiting(incident, assignment)
    incident.derive()
    more = (
        {"first": first} if stage == "arrived" else {"last": not incident.roster.open()} if stage == "cleared" else {}
    )
    incident.emit(stage, report, **_who(assignment), **more, **flagged(stamp))
    if revived:
        incident.judge_clocks(("assign",), report)
    if stage == "arrived":
        incident.judge_clocks(("arrive",), report)


def _end(incident: Incident, assignment: Assignment, ending: str, report: Report, reason: str) -> None:
    refuse_unless(incident, _TELLABLE, ending)
    assignment.refuse_unless_offered(ending)
    # The clock is never told that it is too early: its deadline is used up, nobody would ask again.
    previous = None if ending == "expired" else assignment.neighbours(ending)[0]
    stamp = Stamp(
        report.occurred_at, report.recorded_at, report.by, report.source, _judged(incident, report, previous=previous)
    )
    end_assignment(incident, assignment, ending, stamp, reason)
    fell_back = incident.derive()
    incident.emit(_EVENT_OF.get(ending, ending), report, **_who(assignment), **flagged(stamp))
    if fell_back:
        incident.fall_back(report)


def end_assignment(incident: Incident, assignment: Assignment, ending: str, stamp: Stamp, reason: str) -> None:
    """Put an assignment's end on it; the caller tells it and derives the state."""
    assignment.stamps[ending] = stamp
    assignment.state, assignment.end_reason = _ENDED[ending], reason
    incident.roster.changed[assignment.id] = assignment
    stop_awaiting(incident, assignment)


def refuse_unless_assignable(incident: Incident, report: Report) -> None:
    """Raises Conflict `not_pushed`, `incident_merged`, `impossible_transition`, whoever was to be sent."""
    if incident.state is IncidentState.RECEIVED:
        raise Conflict(
            "not_pushed",
            "the incident is on no centre's desk yet; push it first",
            incident_id=str(incident.id),
            state="received",
        )
    resolved_at = incident.at("resolved")
    told_late = (
        incident.state is IncidentState.RESOLVED and resolved_at is not None and report.occurred_at <= resolved_at
    )
    if not told_late:
        refuse_unless(incident, AT_WORK, "assign")


def _refuse_twice(incident: Incident, team_id: UUID) -> None:
    if any(a.team_id == team_id and a.is_open for a in incident.assignments):
        raise _on_it_already(team_id)


def _on_it_already(team_id: UUID) -> Conflict:
    return Conflict(
        "team_already_assigned", "the team is on this incident already", field="data.team", team_id=str(team_id)
    )


def _await_answer(incident: Incident, assignment: Assignment, report: Report) -> None:
    seconds = incident.policy.answer_seconds
    if seconds is None or incident.backfill or incident.state not in AT_WORK:
        return
    # The team learns of the offer when it is recorded, whenever it is said to have been made.
    assignment.answer_due_at = report.recorded_at + timedelta(seconds=seconds)
    incident.deadlines.arm(assignment.answer_kind, 1, assignment.answer_due_at)


def stop_awaiting(incident: Incident, assignment: Assignment) -> None:
    """The offer's answer is not waited for any more."""
    if assignment.answer_due_at is not None:
        assignment.answer_due_at = None
        incident.roster.changed[assignment.id] = assignment
        incident.deadlines.disarm(assignment.answer_kind, 1)


def _judged(
    incident: Incident, report: Report, *, previous: datetime | None = None, following: datetime | None = None
) -> tuple[str, ...]:
    return judge(
        report, incident.policy.stamp_rules, previous=previous, following=following, backfill=incident.backfill
    )


def _who(assignment: Assignment) -> dict[str, str]:
    return {"assignment_id": str(assignment.id), "team_id": str(assignment.team_id)}
