"""Correcting a time: the original stays, the newest correction counts, and every clock is judged again, both ways."""

from __future__ import annotations

from datetime import datetime

from services.dispatch.domain.assignment import Assignment
from services.dispatch.domain.clocks import SPANS
from services.dispatch.domain.errors import Conflict, Invalid
from services.dispatch.domain.events import wire_time
from services.dispatch.domain.guards import neighbours, refuse_unless
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.stamps import Correction, Report, Stamp, judge
from services.dispatch.domain.states import ASSIGNMENT_STAGES, IncidentState

_CORRECTABLE = frozenset(IncidentState) - {IncidentState.ARCHIVED}


def correct(
    incident: Incident, stage: str, assignment: Assignment | None, occurred_at: datetime, why: str, report: Report
) -> None:
    """Say that `stage` happened at `occurred_at`. `report` is the correction itself: who says so, and when.

    Raises Conflict `stage_not_stamped`, `impossible_transition`; Invalid `assignment_required`, `stamp_in_future`,
    `stamp_before_previous`, `stamp_after_next`.
    """
    refuse_unless(incident, _CORRECTABLE, "correct")
    stamp = _stamp(incident, stage, assignment)
    previous, following = assignment.neighbours(stage) if assignment else neighbours(incident, stage)
    if stage == "assigned":
        previous = incident.at("pushed")
    told = Report(occurred_at, report.recorded_at, report.by, report.source)
    flags = judge(told, incident.policy.stamp_rules, previous=previous, following=following, backfill=incident.backfill)
    before = stamp.effective
    stamp.corrections.append(Correction(occurred_at, report.recorded_at, report.by, why))
    odd = [flag for flag in flags if flag != "late"]
    stamp.flags = tuple(dict.fromkeys((*stamp.flags, *odd, "corrected")))
    if assignment is not None:
        incident.roster.changed[assignment.id] = assignment
    incident.remark(report, f"corrected {stage}", why)
    incident.emit(
        "corrected", report, stage=stage, assignment_id=str(assignment.id) if assignment else None,
        was=wire_time(before), now=wire_time(occurred_at), **({"flags": odd} if odd else {}),
    )  # fmt: skip
    _restop(incident, stage, occurred_at)
    incident.judge_clocks(tuple(SPANS), report, "corrected")


def _stamp(incident: Incident, stage: str, assignment: Assignment | None) -> Stamp:
    if assignment is None and stage in ASSIGNMENT_STAGES:
        raise Invalid(
            "assignment_required",
            "this stage belongs to a team; name the assignment",
            field="data.assignment",
            stage=stage,
        )
    stamps = incident.stamps if assignment is None else assignment.stamps
    stamp = stamps.get(stage)
    if stamp is None or "implied" in stamp.flags:
        raise Conflict(
            "stage_not_stamped",
            f"nothing was reported for {stage}",
            field="data.stage",
            incident_id=str(incident.id),
            stage=stage,
        )
    return stamp


def _restop(incident: Incident, stage: str, at: datetime) -> None:
    # A clock that ended because the incident was resolved ended when it really was.
    for clock in incident.clockwork.clocks:
        if clock.stop_reason == stage and clock.cycle == incident.cycle:
            clock.stopped_at = at
