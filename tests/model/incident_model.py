"""What an incident is, as docs and specification tell it: facts are kept, everything else is derived from them.

Written without the code of services.dispatch: the product collects changes as it goes, this model asks all facts again
after every change. Times are whole milliseconds since the start of a simulated world.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.model.clock_model import Policy, Run

WORK_ORDER = ("pushed", "assigned", "en_route", "on_scene")
OPEN_TEAM = {"assigned": "assigned", "accepted": "assigned", "en_route": "en_route", "on_scene": "on_scene"}
TEAM_STAGES = ("assigned", "accepted", "departed", "arrived", "cleared")
REACHED_BY = {"accepted": "accepted", "departed": "en_route", "arrived": "on_scene", "cleared": "cleared"}


class Refused(Exception):
    """The model says no; `code` is the problem's code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True, eq=False)
class Told:
    """Somebody says that something happened `at`; we learn it at `now`."""

    at: int
    now: int


@dataclass(slots=True, eq=False)
class Mark:
    """A stage that happened: its effective time, when we learnt it, whether another stage only implied it."""

    at: int
    recorded: int
    implied: bool = False


@dataclass(slots=True, eq=False)
class Going:
    """One team on one incident."""

    team: str
    seq: int
    cycle: int
    round: int
    auto: bool
    marks: dict[str, Mark]
    skills: frozenset[str]
    state: str = "assigned"
    answer_due: int | None = None
    revived: tuple[int, int] | None = None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_TEAM

    @property
    def brings(self) -> bool:
        """Whether what the team can do is there or on its way, or was there."""
        return self.is_open or (self.state == "cleared" and "arrived" in self.marks)

    def at(self, stage: str) -> int | None:
        mark = self.marks.get(stage)
        return mark.at if mark else None

    def reported(self, stage: str) -> bool:
        mark = self.marks.get(stage)
        return mark is not None and not mark.implied

    def neighbours(self, stage: str) -> tuple[int | None, int | None]:
        """The latest reported stage before and the earliest after; an ending comes after `assigned` alone."""
        place = TEAM_STAGES.index(stage) if stage in TEAM_STAGES else 1
        after = TEAM_STAGES[place + 1 :] if stage in TEAM_STAGES else ()
        before = [self.marks[name].at for name in TEAM_STAGES[:place] if self.reported(name)]
        return max(before, default=None), min((self.marks[n].at for n in after if self.reported(n)), default=None)


@dataclass(slots=True, eq=False)
class Link:
    """On a duplicate: whom it was merged into, whose root that is, how it was, which runs were stopped."""

    parent: Case
    root: Case
    stand: str
    state: str
    stopped: list[Run]


@dataclass(slots=True, eq=False)
class Joined:
    """On a root: in which cycle a duplicate came, and in which round its teams first counted (0: not yet).

    `known` holds what counts of the duplicate's teams while the root stands under another one itself. `answered` tells
    in which round of the root, and when, a team took up its expired offer after all, by its place on the duplicate.
    """

    case: Case
    cycle: int
    round: int
    known: dict[str, int | None] | None = None
    answered: dict[int, tuple[int, int]] = field(default_factory=dict)

    def met(self, round: int) -> int | None:
        """When the duplicate's teams met a round of the root."""
        late = (at for in_round, at in self.answered.values() if in_round == round)
        return earliest((self.first("assigned") if self.round == round else None, *late))

    def first(self, stage: str) -> int | None:
        return self.case.first(stage) if self.known is None else self.known[stage]


@dataclass(slots=True, eq=False)
class Case:
    """One incident. `stand` is received, work, resolved, closed, archived, cancelled or merged."""

    number: int
    policy: Policy
    exercise: bool
    backfill: bool
    located: bool
    contact: bool = False
    stand: str = "received"
    cycle: int = 1
    round: int = 1
    level: str | None = None
    home: str | None = None
    centre: str | None = None
    handed_over: bool = False
    marks: dict[str, Mark] = field(default_factory=dict)
    teams: list[Going] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    link: Link | None = None
    joined: dict[int, Joined] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    told_before: int = 0

    # --- what is derived

    @property
    def state(self) -> str:
        return self.reach() if self.stand == "work" else self.stand

    def at(self, stage: str) -> int | None:
        mark = self.marks.get(stage)
        return mark.at if mark else None

    def own_reach(self) -> str:
        here = [g for g in self.teams if g.cycle == self.cycle]
        reached = [OPEN_TEAM[g.state] for g in here if g.is_open]
        if not reached:
            cleared = [g.marks for g in here if g.state == "cleared"]
            reached = ["on_scene" if "arrived" in m else "en_route" if "departed" in m else "assigned" for m in cleared]
        return furthest(reached)

    def reach(self) -> str:
        """The furthest of the open teams, else of the cleared ones, duplicates' teams included."""
        others = (joined.case.own_reach() for joined in self.joined.values() if joined.cycle == self.cycle)
        return furthest((self.own_reach(), *others))

    def lacking(self) -> tuple[str, ...]:
        """Skills it asks for that no team of this cycle brings, here or at a duplicate."""
        here = (self, *(joined.case for joined in self.joined.values() if joined.cycle == self.cycle))
        brought = {skill for c in here for g in c.teams if g.cycle == c.cycle and g.brings for skill in g.skills}
        return tuple(skill for skill in self.policy.skills if skill not in brought)

    def missing(self) -> tuple[str, ...]:
        """What a desk still looks for somebody for."""
        return self.lacking() if self.stand == "work" else ()

    def first(self, stage: str, cycle: int | None = None) -> int | None:
        return earliest(g.at(stage) for g in self.teams if cycle is None or g.cycle == cycle)

    def first_with_duplicates(self, stage: str, cycle: int) -> int | None:
        others = (joined.first(stage) for joined in self.joined.values() if joined.round and joined.cycle == cycle)
        return earliest((self.first(stage, cycle), *others))

    def armed(self) -> dict[tuple[str, int], int]:
        """Every deadline that must be armed for this incident now: live clocks and awaited answers, nothing else."""
        rows = {(f"answer.{g.seq}", 1): g.answer_due for g in self.teams if g.answer_due is not None}
        for run in self.runs:
            rows.update(run.deadlines())
        return rows

    # --- clocks

    def current(self, stage: str) -> Run | None:
        return next((run for run in reversed(self.runs) if run.stage == stage), None)

    def start(self, stage: str, origin: str, at: int, now: int) -> None:
        """Start the next generation of a stage's clock, where the policy has a target."""
        target = self.policy.targets.get(stage)
        if target is None:
            return
        last = self.current(stage)
        generation = last.generation + 1 if last else 1
        self.runs.append(Run(stage, generation, self.cycle, self.round, origin, at, target, self.backfill, now))

    def stop(self, at: int, why: str, *stages: str) -> list[Run]:
        """Nothing (of `stages`) is asked for any more as of `at`; `judge` then says what was late."""
        stopped = [run for run in self.runs if run.ended is None and (not stages or run.stage in stages)]
        for run in stopped:
            run.stopped, run.why = at, why
        return stopped

    def judge(self, now: int) -> None:
        """Hold every run against the facts: late is a breach, in time is none, and each change is told once."""
        for run in self.runs:
            if run.why == "unmerged":
                continue
            ended_before = run.ended is not None
            start, run.met = self._span(run)
            moved = start is not None and start != run.start
            if moved and start is not None:
                run.start = start
                if run.warned is not None and run.warned < start + Policy.warn_after(run.target):
                    run.warned = None
            late = run.ended > run.due if run.ended is not None else bool(run.breach) and now >= run.due
            turned = late != bool(run.breach)
            if turned:
                self.tell_breach(run, stands=late)
            if run.ended is None and (moved or turned or ended_before):
                run.armed_at = now

    def tell_breach(self, run: Run, *, stands: bool) -> None:
        run.breach = stands
        if not stands:
            run.climbed, run.top = 0, False
        self.told.append(f"{'breached' if stands else 'breach_withdrawn'} {run.stage} {run.generation}")

    def _span(self, run: Run) -> tuple[int | None, int | None]:
        here = run.cycle == self.cycle
        if run.stage == "arrive":
            return self.first_with_duplicates("assigned", run.cycle), self.first_with_duplicates("arrived", run.cycle)
        start = self.at(run.origin) if run.origin in {"received", "pushed"} else None
        if run.stage == "assign":
            offers = (g.at("assigned") for g in self.teams if g.round == run.round)
            revived = (g.revived[1] for g in self.teams if g.revived and g.revived[0] == run.round)
            others = (joined.met(run.round) for joined in self.joined.values())
            return start, earliest((*offers, *revived, *others))
        if run.stage == "push":
            return start, self.at("pushed") if here or run.met is not None else None
        if run.stage == "feedback" and here:
            start = self.at("resolved")
        return start, self.at({"resolve": "resolved", "feedback": "fed_back"}[run.stage]) if here else run.met


def furthest(reached: Iterable[str]) -> str:
    return max(reached, key=WORK_ORDER.index, default="pushed")


def earliest(times: Iterable[int | None]) -> int | None:
    first = None
    for at in times:
        if at is not None and (first is None or at < first):
            first = at
    return first
