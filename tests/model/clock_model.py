"""The model's clocks: what a policy asks for, and one run of one stage with what must be armed for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Targets, share and answer time in milliseconds; the stamp rules are those of every built-in policy."""

    targets: dict[str, int]
    answer: int | None
    skills: tuple[str, ...]
    future_tolerance: int = 5_000
    backfill_after: int = 3_600_000

    @staticmethod
    def warn_after(target: int) -> int:
        """A clock warns at 80 % of its target."""
        return target * 4 // 5


@dataclass(slots=True, eq=False)
class Run:
    """One run of a clock. `breach` is None (never), True (stands) or False (withdrawn on the record)."""

    stage: str
    generation: int
    cycle: int
    round: int
    origin: str
    start: int
    target: int
    backfill: bool
    armed_at: int
    met: int | None = None
    stopped: int | None = None
    why: str | None = None
    warned: int | None = None
    climbed: int = 0
    top: bool = False
    breach: bool | None = None

    @property
    def due(self) -> int:
        return self.start + self.target

    @property
    def ended(self) -> int | None:
        return self.stopped if self.met is None else self.met

    @property
    def state(self) -> str:
        if self.breach:
            return "breached"
        if self.met is not None:
            return "met"
        return "running" if self.stopped is None else "stopped"

    def deadlines(self) -> dict[tuple[str, int], int]:
        """What must be armed for this run now."""
        if self.backfill or self.ended is not None:
            return {}
        if self.breach:
            again = self.due + self.climbed * self.target
            return {} if self.top else {(f"escalate.{self.stage}", self.generation): again}
        armed = {(f"breach.{self.stage}", self.generation): self.due}
        if self.warned is None and self.due > self.armed_at:
            armed[(f"warn.{self.stage}", self.generation)] = self.start + Policy.warn_after(self.target)
        return armed
