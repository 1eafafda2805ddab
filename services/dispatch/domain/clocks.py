"""A clock of an incident: one stage, one generation, started, due, met or missed, with the record of its breach."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.dispatch.domain.events import DeadlineChanges, wire_time

# stage of a clock → (stage that starts it, stage that meets it). "assigned" and "arrived" are the first over all
# assignments.
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

    One row of the breach table, unique (incident, stage, generation); `holder` is a centre code, a team id or a grid
    code (`holder_kind` centre, team, grid).
    """

    stage: str
    generation: int
    holder: str
    holder_kind: str
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

    `origin` says what started it: the stage of SPANS, or `fallback` (all offers gone), or `reopened`. `round` is the
    incident's round of offers. `met_at` and `stopped_at` are effective occurred times. `state` is running, met,
    breached (a breach stands, met late or not at all) or stopped. `escalations` counts the levels told about the
    breach.
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
    holder: str
    holder_kind: str
    state: str = "running"
    backfill: bool = False
    met_at: datetime | None = None
    stopped_at: datetime | None = None
    stop_reason: str | None = None
    warned_at: datetime | None = None
    escalations: int = 0
    top_reached: bool = False
    breach: Breach | None = None

    @property
    def ended_at(self) -> datetime | None:
        """When the stage was met, or when it was no longer asked for."""
        return self.met_at or self.stopped_at

    @property
    def breached(self) -> bool:
        """Whether a breach stands."""
        return self.breach is not None and self.breach.withdrawn_at is None

    @property
    def next_escalation_at(self) -> datetime:
        """When the next level is told: each further target after the one that was missed."""
        return self.due_at + timedelta(seconds=self.escalations * self.target_seconds)

    def restart_at(self, started_at: datetime) -> None:
        """Move the start, and with it what is due; the generation stays."""
        self.started_at = started_at
        self.due_at = started_at + timedelta(seconds=self.target_seconds)
        self.warn_at = started_at + timedelta(seconds=self.target_seconds * self.warn_share)
        if self.warned_at is not None and self.warned_at < self.warn_at:
            self.warned_at = None

    def settle(self) -> None:
        """Derive the state from what is known."""
        if self.breached:
            self.state = "breached"
        elif self.met_at is not None:
            self.state = "met"
        else:
            self.state = "running" if self.stopped_at is None else "stopped"

    def record_breach(self, now: datetime, late_by_seconds: float | None) -> Breach:
        """Put the breach on the record, or put a withdrawn one back in force."""
        if self.breach is None:
            self.breach = Breach(
                self.stage, self.generation, self.holder, self.holder_kind, self.target_seconds, self.due_at, now,
                self.backfill
            )  # fmt: skip
        breach = self.breach
        breach.due_at, breach.recorded_at, breach.late_by_seconds = self.due_at, now, late_by_seconds
        breach.withdrawn_at = breach.withdraw_reason = None
        self.settle()
        return breach

    def withdraw_breach(self, now: datetime, reason: str) -> Breach:
        """Take the breach back on the record: the stage had happened in time."""
        breach = self.breach
        if breach is None:
            raise ValueError("there is no breach to withdraw")
        breach.withdrawn_at, breach.withdraw_reason = now, reason
        breach.late_by_seconds = None
        self.escalations, self.top_reached = 0, False
        self.settle()
        return breach

    def arm(self, deadlines: DeadlineChanges, now: datetime) -> None:
        """Have the running clock's next steps fire; a backfilled clock wakes nobody."""
        self.disarm(deadlines)
        if self.backfill or self.ended_at is not None:
            return
        if self.breached:
            if not self.top_reached:
                deadlines.arm(f"escalate.{self.stage}", self.generation, self.next_escalation_at)
            return
        if self.warned_at is None and self.due_at > now:
            deadlines.arm(f"warn.{self.stage}", self.generation, self.warn_at)
        deadlines.arm(f"breach.{self.stage}", self.generation, self.due_at)

    def disarm(self, deadlines: DeadlineChanges) -> None:
        """Have nothing of this clock fire any more."""
        if self.backfill:
            return
        for kind in ("warn", "breach", "escalate"):
            deadlines.disarm(f"{kind}.{self.stage}", self.generation)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What judging a clock found: `breached` or `breach_withdrawn`, to be told as an event."""

    type: str
    clock: Clock
    breach: Breach


def clock_data(clock: Clock) -> dict[str, Any]:
    """What an event about a clock carries."""
    return {
        "stage": clock.stage, "generation": clock.generation, "holder": clock.holder, "holder_kind": clock.holder_kind,
        "due_at": wire_time(clock.due_at), "target_seconds": clock.target_seconds,
    }  # fmt: skip


@dataclass(slots=True)
class Clockwork:
    """All clocks of an incident, oldest first."""

    clocks: list[Clock] = field(default_factory=list)

    def of(self, stage: str) -> list[Clock]:
        """Every run of a stage, oldest first."""
        return [clock for clock in self.clocks if clock.stage == stage]

    def find(self, stage: str, generation: int) -> Clock | None:
        """The run `generation` of a stage."""
        for clock in self.clocks:
            if clock.generation == generation and clock.stage == stage:
                return clock
        return None

    def current(self, stage: str) -> Clock | None:
        """The newest run of a stage; an older one must never act again."""
        for clock in reversed(self.clocks):
            if clock.stage == stage:
                return clock
        return None

    def add(self, clock: Clock, deadlines: DeadlineChanges, now: datetime) -> None:
        """Start a run and have its steps fire."""
        self.clocks.append(clock)
        clock.arm(deadlines, now)


def judge(
    clock: Clock,
    deadlines: DeadlineChanges,
    *,
    started_at: datetime,
    met_at: datetime | None,
    stopped_at: datetime | None,
    now: datetime,
    reason: str,
) -> Verdict | None:
    """Hold a clock against the effective times as they are known now; arms and disarms accordingly.

    Late means ended after it was due. While it has not ended, only the deadline itself makes a breach (the database's
    clock is the judge), but a breach is withdrawn when a corrected start moves the due time past `now`.
    """
    ran = clock.ended_at is None
    moved = started_at != clock.started_at
    if moved:
        clock.restart_at(started_at)
    clock.met_at, clock.stopped_at = met_at, stopped_at
    ended = clock.ended_at
    late = ended > clock.due_at if ended is not None else clock.breached and now >= clock.due_at
    verdict: Verdict | None = None
    if late and ended is not None:
        late_by = (ended - clock.due_at).total_seconds() if met_at is not None else None
        if not clock.breached:
            verdict = Verdict("breached", clock, clock.record_breach(now, late_by))
        elif clock.breach is not None:
            clock.breach.late_by_seconds = late_by
    elif not late and clock.breached:
        verdict = Verdict("breach_withdrawn", clock, clock.withdraw_breach(now, reason))
    clock.settle()
    if ended is not None and ran:
        clock.disarm(deadlines)
    elif ended is None and (moved or not ran or verdict is not None):
        clock.arm(deadlines, now)
    return verdict
