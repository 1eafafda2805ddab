"""When each clock of an incident ran, told from its timeline alone: what must have come due, and when it was met."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

STAGES = ("push", "assign", "arrive")
ENDS = {
    "pushed": ("push",), "assigned": ("assign",), "arrived": ("arrive",),
    "resolved": STAGES, "cancelled": STAGES, "closed": STAGES,
}  # fmt: skip
"""Fact to the stages whose clocks it ends."""
GONE = frozenset({"refused", "offer_expired", "withdrawn", "cleared"})
"""Facts by which a team is no longer on an incident."""


@dataclass
class Run:
    """One run of one stage's clock; `ended` when it was met, or when the incident needed nobody any more."""

    stage: str
    generation: int
    began: datetime
    ended: datetime | None = None


class Clockwork:
    """Follows an incident step by step. Each stage has at most one run open."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.going: set[str] = set()
        """Assignments that are open; the most there were at once is `most_going`."""
        self.most_going = 0
        self._needs_arrival = True

    def follow(self, fact: str, at: datetime, assignment: str | None) -> None:
        for stage in ENDS.get(fact, ()):
            self._end(stage, at)
        if fact in GONE:
            self.going.discard(str(assignment))
        if fact == "assigned":
            self._assigned(at, assignment)
        elif fact == "received":
            self._start("push", at)
        elif fact in {"pushed", "reopened"} or (fact in {"refused", "offer_expired"} and not self.going):
            self._start("assign", at)
        self._needs_arrival = self._needs_arrival or fact == "reopened"

    def _assigned(self, at: datetime, assignment: str | None) -> None:
        self.going.add(str(assignment))
        self.most_going = max(self.most_going, len(self.going))
        if self._needs_arrival:
            self._needs_arrival = False
            self._start("arrive", at)

    def _open(self, stage: str) -> Run | None:
        return next((run for run in self.runs if run.stage == stage and run.ended is None), None)

    def _start(self, stage: str, at: datetime) -> None:
        if self._open(stage) is None:
            self.runs.append(Run(stage, sum(run.stage == stage for run in self.runs) + 1, at))

    def _end(self, stage: str, at: datetime) -> None:
        if (run := self._open(stage)) is not None:
            run.ended = at


def followed(entries: Iterable[dict[str, Any]]) -> Clockwork:
    """The clockwork after all of a timeline."""
    clockwork = Clockwork()
    for entry in entries:
        fact = str(entry["type"]).split(".")[-2]
        clockwork.follow(fact, entry["occurred_at"], entry["body"]["data"].get("assignment_id"))
    return clockwork
