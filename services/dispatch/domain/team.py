"""A team: who goes. Its members, skills and shifts say whether it can; its open assignments whether it is free."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from services.dispatch.domain.errors import Conflict, Invalid
from services.dispatch.domain.events import TeamEvent
from services.dispatch.domain.stamps import Report


@dataclass(frozen=True, slots=True)
class Member:
    """A place in the crew: its A holder, the B holder who stands in, and which of them is off.

    References are opaque.
    """

    role: str
    reference: str
    stand_in: str | None = None
    absent: bool = False
    stand_in_absent: bool = False

    @property
    def on_duty(self) -> str | None:
        """Who fills the place now: A, or B while A is off, or nobody."""
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


CHANGEABLE = frozenset({
    "call_sign", "name_zh", "name_en", "kind", "centre_code", "skills", "capacity", "members", "base_lat", "base_lon",
    "always_on", "in_service",
})  # fmt: skip


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

    def tell_created(self, report: Report) -> None:
        """Tell that the team was set up; that its call sign is free is for the caller to have checked."""
        self.is_new = True
        self._emit("created", report, **self._whole())

    def change(self, changes: dict[str, Any], report: Report) -> None:
        """Change what is given (of `CHANGEABLE`); a list is replaced whole."""
        for name in CHANGEABLE & changes.keys():
            setattr(self, name, changes[name])
        self._emit("changed", report, **self._whole())

    def set_shifts(self, shifts: tuple[Shift, ...], report: Report) -> None:
        """Replace the shift list. Raises Invalid `shifts_overlap`, `shift_backwards`."""
        ordered = tuple(sorted(shifts, key=lambda shift: shift.starts_at))
        if any(shift.ends_at <= shift.starts_at for shift in ordered):
            raise Invalid("shift_backwards", "a shift ends before it starts", field="data.shifts")
        if any(later.starts_at < earlier.ends_at for earlier, later in pairwise(ordered)):
            raise Invalid("shifts_overlap", "two shifts overlap", field="data.shifts")
        self.shifts = ordered
        self._emit("changed", report, **self._whole())

    def move(self, lat: float, lon: float, report: Report) -> bool:
        """Take note of where the team is. An older fix than the one known changes nothing (False)."""
        if self.position is not None and report.occurred_at <= self.position.at:
            return False
        self.position = Position(lat, lon, report.occurred_at)
        self._emit("moved", report, team_id=str(self.id), lat=lat, lon=lon)
        return True

    def on_shift(self, now: datetime) -> bool:
        """Whether the team is on duty: by its shifts, and while one place of its crew (if it lists any) is filled."""
        if self.members and not any(member.on_duty for member in self.members):
            return False
        return self.always_on or any(shift.starts_at <= now < shift.ends_at for shift in self.shifts)

    def oddities(self, now: datetime) -> tuple[str, ...]:
        """What a dispatcher who picks this team by hand should see on the record.

        Raises Conflict `team_out_of_service`.
        """
        if not self.in_service:
            raise Conflict(
                "team_out_of_service", "the team takes no assignments", field="data.team", team_id=str(self.id)
            )
        full = self.open_assignments >= self.capacity
        return (() if self.on_shift(now) else ("off_shift",)) + (("at_capacity",) if full else ())

    def _whole(self) -> dict[str, Any]:
        return {
            "team_id": str(self.id), "version": self.version + 1, "call_sign": self.call_sign, "kind": self.kind,
            "centre_code": self.centre_code, "skills": list(self.skills), "capacity": self.capacity,
            "always_on": self.always_on, "in_service": self.in_service,
        }  # fmt: skip

    def _emit(self, type: str, report: Report, **data: Any) -> None:
        self.version += 1
        self.events.append(TeamEvent(type, self.version, report.occurred_at, report.recorded_at, report.by, data))
