"""The model's teams: where they are, what they can do, whether they are on duty; which of them should go together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from tests.model.incident_model import Case, Refused, Told

FUTURE_TOLERANCE = 5_000
STALE_AFTER = 1_800_000
# Seconds that are added to the way: an old fix, each incident that the team is on, nobody knowing where it is.
STALE, BUSY, NOWHERE = 120, 180, 6_500
# Where a team may stand: latitude due north of the simulated address, seconds by road from there (`beyond`: too far).
PLACES: dict[str, tuple[float, float]] = {
    "door": (30.0005, 7.2), "corner": (30.001, 14.455), "estate": (30.013, 187.9), "station": (30.02, 289.1),
    "bridge": (30.04, 578.2), "beyond": (30.4, 5782.0),
}  # fmt: skip


@dataclass(slots=True, eq=False)
class Crew:
    """One team. `fix` is the newest (place, time) that it told; `manned` False while nobody of its crew is there."""

    base: str | None
    skills: frozenset[str]
    capacity: int
    in_service: bool = True
    always_on: bool = True
    manned: bool = True
    shifts: tuple[tuple[int, int], ...] = ()
    fix: tuple[str, int] | None = None
    told: list[str] = field(default_factory=list)

    @property
    def version(self) -> int:
        return len(self.told)

    def on_shift(self, now: int) -> bool:
        return self.manned and (self.always_on or any(start <= now < end for start, end in self.shifts))

    def seconds_away(self, now: int) -> float | None:
        """By road, with what an old fix costs; None when it is too far. The place is a guess once the fix is old."""
        stale = self.fix is not None and now - self.fix[1] > STALE_AFTER
        place = self.fix[0] if self.fix and (not stale or self.base is None) else self.base
        if place == "beyond":
            return None
        return (PLACES[place][1] if place else NOWHERE) + STALE * stale

    def stale(self, now: int) -> int:
        return STALE * (self.fix is not None and now - self.fix[1] > STALE_AFTER)

    def move(self, place: str, told: Told) -> None:
        """Take note of where it is; an older word than the one known changes nothing."""
        if self.fix is None or told.at > self.fix[1]:
            self.fix = (place, told.at)
            self.told.append("moved")


def at_start() -> dict[str, Crew]:
    """The teams of a county before anything happens: T4 is nearest and can do nothing that anybody asks for.

    P1 and P2 patrol; B1 does both and is farther away than the nearest two.
    """
    medical, patrol = frozenset({"medical"}), frozenset({"patrol"})
    return {
        "T1": Crew("corner", medical, 2, told=["created"]), "T2": Crew("station", medical, 1, told=["created"]),
        "T3": Crew("bridge", medical, 1, told=["created"]), "T4": Crew("door", frozenset(), 1, told=["created"]),
        "P1": Crew("estate", patrol, 1, told=["created"]), "P2": Crew("bridge", patrol, 2, told=["created"]),
        "B1": Crew("station", medical | patrol, 1, told=["created"]),
    }  # fmt: skip


def chosen(
    case: Case, cases: Iterable[Case], teams: dict[str, Crew], now: int, asked: tuple[str, ...] = ()
) -> list[str]:
    """Who should go, the nearest first: they bring all that anybody can bring of what is asked for.

    Of all groups that do, the one whose last is there first; then the smallest; then the one with the shortest ways.
    """
    wanted = set(asked or case.lacking() or case.policy.skills)
    fit = [(cost, name) for cost, name in _fit(case, cases, teams, now) if not wanted or wanted & teams[name].skills]
    reachable = {skill for _, name in fit for skill in wanted & teams[name].skills}
    groups = [
        group
        for size in range(1, max(len(reachable), 1) + 1)
        for group in combinations(sorted(fit), size)
        if reachable <= {skill for _, name in group for skill in teams[name].skills}
    ]
    best = min(groups, key=_worth, default=())
    return [name for _, name in best]


def _worth(group: tuple[tuple[float, str], ...]) -> tuple[object, ...]:
    costs = [cost for cost, _ in group]
    return max(costs), len(costs), sum(costs), sorted(name for _, name in group)


def _fit(case: Case, cases: Iterable[Case], teams: dict[str, Crew], now: int) -> list[tuple[float, str]]:
    """Who could go: on duty, not on it, not gone from it in this cycle, with a hand free; with what it would cost."""
    duplicates = [joined.case for joined in case.joined.values()]
    lately = [case, *(joined.case for joined in case.joined.values() if joined.cycle == case.cycle)]
    gone = {g.team for c in lately for g in c.teams if g.state in {"refused", "expired"} and g.cycle == c.cycle}
    here = {g.team for c in (case, *duplicates) for g in c.teams if g.is_open}
    load = dict.fromkeys(teams, 0)
    for other in cases:
        for going in other.teams:
            load[going.team] += going.is_open
    fit = []
    for name, crew in teams.items():
        away = crew.seconds_away(now) if case.located else crew.stale(now)
        if (
            away is not None and crew.in_service and crew.on_shift(now) and name not in gone | here
            and load[name] < crew.capacity
        ):  # fmt: skip
            fit.append((away + BUSY * load[name], name))
    return fit


def create(teams: dict[str, Crew], name: str, capacity: int) -> Crew:
    """A new team that nobody knows the whereabouts of."""
    if name in teams:
        raise Refused("call_sign_taken")
    teams[name] = crew = Crew(None, frozenset({"medical"}), capacity, told=["created"])
    return crew


def change(crew: Crew, what: str, value: object) -> None:
    """Change one thing; its centre must be one that there is."""
    if what == "centre":
        raise Refused("unknown_centre")
    setattr(crew, what, value)
    crew.told.append("changed")


def move(crew: Crew, place: str, told: Told) -> None:
    """What its terminal tells, at any time, in any order; only the future is refused."""
    if told.at > told.now + FUTURE_TOLERANCE:
        raise Refused("stamp_in_future")
    crew.move(place, told)


def set_shifts(crew: Crew, shifts: tuple[tuple[int, int], ...]) -> None:
    """The whole list; stretches may touch, never overlap."""
    ordered = tuple(sorted(shifts))
    if any(later[0] < earlier[1] for earlier, later in pairwise(ordered)):
        raise Refused("shifts_overlap")
    crew.shifts = ordered
    crew.told.append("changed")
