"""The incident: one call for help, from its receipt to the archive."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.dispatch.domain.assignment import Assignment, Roster
from services.dispatch.domain.clocks import Breach, Clockwork
from services.dispatch.domain.events import DeadlineChanges, IncidentEvent
from services.dispatch.domain.policy import SlaPolicy
from services.dispatch.domain.stamps import PastStamp, Stamp
from services.dispatch.domain.states import IncidentState


@dataclass(frozen=True, slots=True)
class Note:
    """A remark of an operator; the text stays in the database and never enters an event."""

    at: datetime
    by: str
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class MergeLink:
    """On a merged duplicate: the incident the operator named, the root it landed on, and how it was before."""

    parent_id: UUID
    root_id: UUID
    merged_at: datetime
    state_before: IncidentState
    stopped_clocks: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What a root incident knows of one duplicate's teams: their firsts and how far they are. Dropped at un-merge."""

    cycle: int
    round: int
    first_assigned_at: datetime | None
    first_on_scene_at: datetime | None
    reach: IncidentState


@dataclass(slots=True)
class Incident:
    """Every field is a column or a JSON column of the incident table, except those below `collected`."""

    id: UUID
    policy: SlaPolicy
    source: str
    category: str
    kind: str
    priority: int
    alarm_level: int
    lat: float | None
    lon: float | None
    grid_code: str | None
    jurisdiction: str
    exercise: bool
    backfill: bool
    version: int = 0
    state: IncidentState = IncidentState.RECEIVED
    cycle: int = 1
    round: int = 1
    reference_system: str | None = None
    reference_number: str | None = None
    summary: str = ""
    address: str = ""
    has_contact: bool = False
    masked_phone: str | None = None
    centre_code: str | None = None
    level_code: str | None = None
    level: int = 0
    flags: list[str] = field(default_factory=list)
    required_skills: tuple[str, ...] = ()
    stamps: dict[str, Stamp] = field(default_factory=dict)
    past_stamps: list[PastStamp] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    outcome: str | None = None
    disposition: str | None = None
    end_reason: str | None = None
    handed_over_to: str | None = None
    merge: MergeLink | None = None
    absorbed: dict[UUID, Absorbed] = field(default_factory=dict)
    roster: Roster = field(default_factory=Roster)
    clockwork: Clockwork = field(default_factory=Clockwork)
    # collected in this transaction, taken by the unit of work when it saves
    is_new: bool = False
    events: list[IncidentEvent] = field(default_factory=list)
    deadlines: DeadlineChanges = field(default_factory=DeadlineChanges)
    breaches: dict[tuple[str, int], Breach] = field(default_factory=dict)

    @property
    def assignments(self) -> list[Assignment]:
        """The incident's assignments, oldest first."""
        return self.roster.assignments

    @property
    def received_at(self) -> datetime:
        """Effective time of receipt: a column for the figures."""
        return self.stamps["received"].effective

    @property
    def pushed_at(self) -> datetime | None:
        """Effective time of the push to a centre: a column for the figures."""
        stamp = self.stamps.get("pushed")
        return stamp.effective if stamp else None

    @property
    def first_assigned_at(self) -> datetime | None:
        """The earliest `assigned` over all assignments, of merged duplicates too: a column for the figures."""
        raise NotImplementedError

    @property
    def first_on_scene_at(self) -> datetime | None:
        """The earliest `arrived` over all assignments, of merged duplicates too: a column for the figures."""
        raise NotImplementedError

    def common_data(self) -> dict[str, Any]:
        """What every event of an incident carries."""
        raise NotImplementedError
