"""A centre: the desk that takes an incident and sends a team. Owned by the registry; this is dispatch's read model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, tzinfo


@dataclass(frozen=True, slots=True)
class Hours:
    """Daily opening hours in the county's time, [opens, closes); `closes` at or before `opens` means over midnight."""

    opens: time
    closes: time

    def cover(self, at: time) -> bool:
        """Whether the desk is open at a time of the day."""
        if self.opens < self.closes:
            return self.opens <= at < self.closes
        return at >= self.opens or at < self.closes


@dataclass(frozen=True, slots=True)
class Centre:
    """One row of the centre read model (registry event centre.changed)."""

    code: str
    name_zh: str
    name_en: str
    kind: str
    grid_code: str
    lat: float
    lon: float
    always_open: bool
    hours: Hours | None
    version: int
    retired: bool = False

    def on_shift(self, now: datetime, timezone: tzinfo) -> bool:
        """Whether somebody is at the desk now; a centre without hours that is not always open has nobody."""
        if self.retired:
            return False
        if self.always_open:
            return True
        return self.hours is not None and self.hours.cover(now.astimezone(timezone).time())


@dataclass(frozen=True, slots=True)
class Post:
    """One row of the post read model (registry event post.changed): a role in a grid with its A and B holders."""

    post_id: str
    grid_code: str
    role: str
    a_holder: str | None
    b_holder: str | None
    a_absent: bool
    version: int

    @property
    def on_duty(self) -> str | None:
        """Who fills the post now: A, or B while A is off or there is no A, or nobody."""
        return self.b_holder if self.a_absent or self.a_holder is None else self.a_holder
