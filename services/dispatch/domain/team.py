"""A team: who goes. Its members, skills and shifts say whether it can; its open assignments whether it is free."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.dispatch.domain.events import TeamEvent


@dataclass(frozen=True, slots=True)
class Member:
    """A post in the team: its A holder, the B holder who stands in, and which of them is off. References are opaque."""

    role: str
    reference: str
    stand_in: str | None = None
    absent: bool = False
    stand_in_absent: bool = False

    @property
    def on_duty(self) -> str | None:
        """Who fills the post now: A, or B while A is off, or nobody."""
        if not self.absent:
            return self.reference
        return self.stand_in if self.stand_in and not self.stand_in_absent else None


@dataclass(frozen=True, slots=True)
class Shift:
    """A stretch of duty, [starts_at, ends_at)."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """Where a team last said it was (WGS 84) and when."""

    lat: float
    lon: float
    at: datetime


@dataclass(slots=True)
class Team:
    """One row of the team table. `open_assignments` is counted by the repository when it loads the team."""

    id: UUID
    call_sign: str
    name_zh: str
    kind: str
    centre_code: str
    name_en: str = ""
    skills: tuple[str, ...] = ()
    capacity: int = 1
    members: tuple[Member, ...] = ()
    base_lat: float | None = None
    base_lon: float | None = None
    always_on: bool = True
    in_service: bool = True
    shifts: tuple[Shift, ...] = ()
    position: Position | None = None
    version: int = 0
    open_assignments: int = 0
    # collected
    is_new: bool = False
    events: list[TeamEvent] = field(default_factory=list)
