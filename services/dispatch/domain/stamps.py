"""Stamps: when a stage happened and when we learnt of it, kept side by side, corrected beside the original."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Report:
    """Who says that something happened, when it happened (the source's clock), and when we learnt it (ours)."""

    occurred_at: datetime
    recorded_at: datetime
    by: str
    source: str


@dataclass(frozen=True, slots=True)
class Correction:
    """A later word on when a stage happened; the newest one counts, the original stays."""

    occurred_at: datetime
    recorded_at: datetime
    by: str
    why: str


@dataclass(slots=True)
class Stamp:
    """One stage that happened. `flags`: future, before_previous, after_next, late, implied, after_expiry, corrected."""

    occurred_at: datetime
    recorded_at: datetime
    by: str
    source: str
    flags: tuple[str, ...] = ()
    corrections: list[Correction] = field(default_factory=list)

    @property
    def effective(self) -> datetime:
        """When the stage happened, by the newest correction or the original."""
        return self.corrections[-1].occurred_at if self.corrections else self.occurred_at


@dataclass(frozen=True, slots=True)
class PastStamp:
    """A stamp of a round of work that was reopened: `cycle` 1 is the first."""

    cycle: int
    stage: str
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class StampRules:
    """What a policy says about stamps in the future or out of order; times in seconds."""

    future_tolerance_seconds: float = 5.0
    future: str = "refuse"
    order: str = "refuse"
    backfill_after_seconds: float = 3600.0
    order_backfill: str = "flag"
    late_after_seconds: float = 60.0
