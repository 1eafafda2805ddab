"""Taking an incident in."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.dispatch.domain.incident import Incident
from services.dispatch.domain.policy import SlaPolicy
from services.dispatch.domain.stamps import Report, Stamp, is_backfill, judge


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known about an incident before it exists; `jurisdiction` is the lowest grid known, or the county."""

    source: str
    category: str
    kind: str
    priority: int
    alarm_level: int = 1
    exercise: bool = False
    lat: float | None = None
    lon: float | None = None
    grid_code: str | None = None
    jurisdiction: str = ""
    address: str = ""
    summary: str = ""
    reference: tuple[str, str] | None = None
    required_skills: tuple[str, ...] = ()
    has_contact: bool = False
    masked_phone: str | None = None
    flags: tuple[str, ...] = ()


def receive(incident_id: UUID, draft: Draft, policy: SlaPolicy, report: Report) -> Incident:
    """A new incident in state `received`, its push clock running unless it is long past.

    Raises Invalid `stamp_in_future` as the policy says.
    """
    backfill = is_backfill(report, policy.stamp_rules)
    flags = judge(report, policy.stamp_rules, previous=None, following=None, backfill=backfill)
    system, number = draft.reference or (None, None)
    incident = Incident(
        incident_id, policy, draft.source, draft.category, draft.kind, draft.priority, draft.alarm_level,
        draft.lat, draft.lon, draft.grid_code, draft.jurisdiction, draft.exercise, backfill,
        reference_system=system, reference_number=number, summary=draft.summary, address=draft.address,
        has_contact=draft.has_contact, masked_phone=draft.masked_phone, flags=list(draft.flags),
        required_skills=draft.required_skills, level_code=draft.grid_code, is_new=True,
    )  # fmt: skip
    incident.stamps["received"] = Stamp(report.occurred_at, report.recorded_at, report.by, report.source, flags)
    odd = [*draft.flags, *flags]
    incident.emit(
        "received", report, source=draft.source, category=draft.category, kind=draft.kind, priority=draft.priority,
        alarm_level=draft.alarm_level, policy=policy.id, policy_version=policy.version, grid_code=draft.grid_code,
        reference={"system": system, "number": number} if draft.reference else None,
        **({"flags": odd} if odd else {}),
    )  # fmt: skip
    incident.start_clock("push", "received", report.occurred_at, report)
    incident.start_clock("resolve", "received", report.occurred_at, report)
    return incident
