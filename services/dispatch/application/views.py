"""How aggregates are shown: the views of contracts.dispatch.queries, JSON-ready.

Nothing about the caller is in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.dispatch import codes
from services.dispatch.domain.assignment import Assignment
from services.dispatch.domain.clocks import Clock
from services.dispatch.domain.events import wire_time
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.recommendation import Outcome
from services.dispatch.domain.skills import missing, sent_for
from services.dispatch.domain.stamps import Stamp
from services.dispatch.domain.team import Team

View = dict[str, Any]


def incident_view(
    incident: Incident, *, chain: bytes, call_signs: Mapping[UUID, str], duplicates: Sequence[UUID] = ()
) -> View:
    """The whole of an incident (contracts.dispatch.queries.Incident)."""
    category = codes.CATEGORIES[incident.category]
    system, number = incident.reference_system, incident.reference_number
    return {
        "incident_id": str(incident.id), "version": incident.version, "state": incident.state.value,
        "reference": {"system": system, "number": number} if system else None,
        "source": incident.source, "category": category.code, "category_zh": category.zh, "category_en": category.en,
        "kind": incident.kind, "apco": category.apco, "priority": incident.priority,
        "alarm_level": incident.alarm_level,
        "summary": incident.summary, "lat": incident.lat, "lon": incident.lon, "grid_code": incident.grid_code,
        "address": incident.address or None, "masked_phone": incident.masked_phone,
        "has_contact": incident.has_contact, "centre_code": incident.centre_code,
        "level": incident.level, "policy": incident.policy.id, "policy_version": incident.policy.version,
        "exercise": incident.exercise, "backfill": incident.backfill, "flags": list(incident.flags),
        "merged_into": _text(incident.merged_into), "duplicates": [str(id) for id in duplicates],
        "outcome": incident.outcome, "disposition": incident.disposition,
        "stamps": {stage: stamp_view(stamp) for stage, stamp in incident.stamps.items()},
        "clocks": [clock_view(clock) for clock in incident.clockwork.clocks],
        "assignments": [assignment_view(incident, each, call_signs) for each in incident.assignments],
        "missing_skills": list(missing(incident)), "chain": chain.hex(),
    }  # fmt: skip


def assignment_view(incident: Incident, assignment: Assignment, call_signs: Mapping[UUID, str]) -> View:
    """One team on one incident (contracts.dispatch.queries.Assignment)."""
    view: View = {
        "assignment_id": str(assignment.id), "team_id": str(assignment.team_id), "state": assignment.state.value,
        "attempt": assignment.seq, "auto": assignment.auto, "centre_code": assignment.centre_code,
        "answer_due_at": _time(assignment.answer_due_at), "reason": assignment.end_reason or None,
        "stamps": {stage: stamp_view(stamp) for stage, stamp in assignment.stamps.items()},
    }  # fmt: skip
    if assignment.skills is not None:
        view["skills"] = list(sent_for(incident, assignment))
    if assignment.team_id in call_signs:
        view["call_sign"] = call_signs[assignment.team_id]
    return view


def stamp_view(stamp: Stamp) -> View:
    """One stage with its two clocks; the first time beside the effective one once it was corrected."""
    view: View = {
        "occurred_at": wire_time(stamp.effective), "recorded_at": wire_time(stamp.recorded_at), "by": stamp.by,
        "source": stamp.source, "flags": list(stamp.flags),
        "corrections": [
            {"occurred_at": wire_time(c.occurred_at), "recorded_at": wire_time(c.recorded_at), "by": c.by, "why": c.why}
            for c in stamp.corrections
        ],
    }  # fmt: skip
    if stamp.corrections:
        view["original"] = wire_time(stamp.occurred_at)
    return view


def clock_view(clock: Clock) -> View:
    """One run of one stage (contracts.dispatch.queries.Clock)."""
    return {
        "stage": clock.stage, "generation": clock.generation, "state": clock.state,
        "started_at": wire_time(clock.started_at), "warn_at": wire_time(clock.warn_at),
        "due_at": wire_time(clock.due_at),
        "target_seconds": clock.target_seconds, "met_at": _time(clock.met_at), "holder": clock.holder,
        "holder_kind": clock.holder_kind,
    }  # fmt: skip


def team_view(
    team: Team, now: datetime, *, stale_after_seconds: float = 1800.0, open_assignments: Sequence[UUID] = ()
) -> View:
    """A team with what it is doing (contracts.dispatch.queries.Team)."""
    on_shift, position = team.on_shift(now), team.position
    return {
        "team_id": str(team.id), "version": team.version, "call_sign": team.call_sign, "name_zh": team.name_zh,
        "name_en": team.name_en or None, "kind": team.kind, "centre_code": team.centre_code,
        "skills": list(team.skills),
        "capacity": team.capacity,
        "members": [
            {"role": m.role, "reference": m.reference, "stand_in": m.stand_in, "absent": m.absent} for m in team.members
        ],
        "base": None if team.base_lat is None else {"lat": team.base_lat, "lon": team.base_lon},
        "position": None if position is None else {
            "lat": position.lat, "lon": position.lon, "occurred_at": wire_time(position.at),
            "stale": (now - position.at).total_seconds() > stale_after_seconds,
        },
        "always_on": team.always_on, "in_service": team.in_service, "on_shift": on_shift,
        "available": on_shift and team.in_service and team.open_assignments < team.capacity,
        "shifts": [{"starts_at": wire_time(s.starts_at), "ends_at": wire_time(s.ends_at)} for s in team.shifts],
        "open_assignments": [str(id) for id in open_assignments],
    }  # fmt: skip


def candidate_view(outcome: Outcome, names: Mapping[UUID, str]) -> View:
    """A team considered, and why it was picked or not (contracts.dispatch.queries.Candidate)."""
    return {
        "team_id": str(outcome.team_id), "call_sign": outcome.call_sign, "name_zh": names[outcome.team_id],
        "picked": outcome.rank is not None, "rank": outcome.rank, "chosen": outcome.chosen,
        "eta_seconds": outcome.eta_seconds, "distance_m": outcome.distance_metres,
        "open_incidents": outcome.open_assignments,
        "reasons": list(outcome.reasons), "skills": list(outcome.brings), "missing_skills": list(outcome.lacks),
        "flags": list(outcome.flags),
    }  # fmt: skip


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else wire_time(moment)


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
