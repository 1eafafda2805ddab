"""A clock of an incident: one stage, one generation, started, due, met or missed, with the record of its breach."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

# stage of a clock → (stage that starts it, stage that meets it). "assigned" and "arrived" are the first over all assignments.
SPANS = {
    "push": ("received", "pushed"),
    "assign": ("pushed", "assigned"),
    "arrive": ("assigned", "arrived"),
    "resolve": ("received", "resolved"),
    "feedback": ("resolved", "fed_back"),
}


@dataclass(slots=True)
class Breach:
    """A target that was missed: recorded once per stage and generation, withdrawn on the record, never deleted.

    One row of the breach table, unique (incident, stage, generation); `holder` is a centre code, a team id or a grid code (`holder_kind` centre, team, grid).
    """

    stage: str
    generation: int
    holder: str | None
    holder_kind: str | None
    target_seconds: float
    due_at: datetime
    recorded_at: datetime
    backfill: bool
    late_by_seconds: float | None = None
    withdrawn_at: datetime | None = None
    withdraw_reason: str | None = None

    @property
    def stands(self) -> bool:
        """Whether the breach has not been withdrawn."""
        return self.withdrawn_at is None


@dataclass(slots=True)
class Clock:
    """One run of one stage. `cycle` counts reopenings; `generation` counts the runs of this stage, from 1.

    `origin` says what started it: the stage of SPANS, or `fallback` (all offers gone), or `reopened`.
    `met_at` and `stopped_at` are effective occurred times. `state` is running, met, breached or stopped.
    """

    stage: str
    generation: int
    cycle: int
    round: int
    origin: str
    started_at: datetime
    target_seconds: float
    warn_share: float
    due_at: datetime
    warn_at: datetime
    holder: str | None
    holder_kind: str | None
    state: str = "running"
    backfill: bool = False
    met_at: datetime | None = None
    stopped_at: datetime | None = None
    stop_reason: str | None = None
    warned_at: datetime | None = None
    escalations: int = 0
    top_reached: bool = False
    breach: Breach | None = None


@dataclass(slots=True)
class Clockwork:
    """All clocks of an incident, oldest first."""

    clocks: list[Clock] = field(default_factory=list)
