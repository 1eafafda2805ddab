"""What a deadline does when it comes due: warn, breach and escalate, escalate again, or let an offer expire.

A deadline that is stale (another generation, another due time, met meanwhile) does nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from services.dispatch.domain.assignment import Assignment
from services.dispatch.domain.clocks import Clock, clock_data
from services.dispatch.domain.desk import Step, climb
from services.dispatch.domain.fieldwork import expire
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.stamps import Report
from services.dispatch.domain.states import AssignmentState

Ladder = Callable[[str | None], Step | None]
BY_CLOCK = "dispatch"


def fire(
    incident: Incident, kind: str, generation: int, due_at: datetime, now: datetime, ladder: Ladder
) -> Assignment | None:
    """Apply a due deadline. `ladder` gives the level above a grid code, None at the top.

    Returns the assignment whose offer has just expired, so that the caller offers the incident to the next team at
    once.
    """
    report = Report(due_at, max(now, due_at), BY_CLOCK, "clock")
    step, _, stage = kind.partition(".")
    if step == "answer":
        return _expire(incident, kind, due_at, report)
    clock = incident.clockwork.find(stage, generation)
    if clock is None or clock.ended_at is not None or clock.backfill or clock is not incident.clockwork.current(stage):
        return None
    if step == "warn" and clock.warn_at == due_at and clock.warned_at is None and not clock.breached:
        _warn(incident, clock, report)
    elif step == "breach" and clock.due_at == due_at and not clock.breached:
        _breach(incident, clock, report, ladder)
    elif step == "escalate" and clock.breached and clock.next_escalation_at == due_at and not clock.top_reached:
        _escalate(incident, clock, report, ladder)
    return None


def _warn(incident: Incident, clock: Clock, report: Report) -> None:
    clock.holder, clock.holder_kind = incident.holder(clock.stage)
    clock.warned_at = report.recorded_at
    incident.emit("clock_warned", report, **clock_data(clock))


def _breach(incident: Incident, clock: Clock, report: Report, ladder: Ladder) -> None:
    clock.holder, clock.holder_kind = incident.holder(clock.stage)
    breach = clock.record_breach(report.recorded_at, None)
    incident.breaches[(clock.stage, clock.generation)] = breach
    incident.deadlines.disarm(f"warn.{clock.stage}", clock.generation)
    incident.tell_verdict("breached", clock, breach, report, "")
    _escalate(incident, clock, report, ladder)


def _escalate(incident: Incident, clock: Clock, report: Report, ladder: Ladder) -> None:
    step = ladder(incident.level_code)
    if step is None:
        clock.top_reached = True
        return
    clock.escalations += 1
    clock.top_reached = step.is_top
    climb(incident, step, report, stage=clock.stage, reason="breach")
    clock.arm(incident.deadlines, report.recorded_at)


def _expire(incident: Incident, kind: str, due_at: datetime, report: Report) -> Assignment | None:
    for assignment in incident.assignments:
        if assignment.answer_kind == kind:
            waiting = assignment.state is AssignmentState.ASSIGNED and assignment.answer_due_at == due_at
            if not waiting or incident.backfill:
                return None
            expire(incident, assignment, report)
            return assignment
    return None
