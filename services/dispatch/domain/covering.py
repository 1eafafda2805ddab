"""Which few teams together bring every skill that is asked for, so that the last of the skills is there soonest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import fsum
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Able:
    """A team that could go: what sending it costs (seconds) and the skills it has."""

    cost: float
    call_sign: str
    team_id: UUID
    skills: frozenset[str]


def cover(skills: Iterable[str], teams: Iterable[Able]) -> list[Able]:
    """The teams to send for `skills`, cheapest first; none when nobody has any of them.

    Chosen so that the largest cost is the smallest possible; then the fewest teams; then the smallest sum of costs;
    then the first call signs. A skill that no team has is passed over. When no skill is asked for, the cheapest team
    goes. Exact, and cheap for the three or four skills that an incident asks for at the most.
    """
    wanted, ranked = frozenset(skills), sorted(teams, key=_rank)
    if not wanted:
        return ranked[:1]
    # Two teams that bring the same are never both in the best set, and the cheaper of them is in no worse one.
    cheapest: dict[frozenset[str], Able] = {}
    for team in ranked:
        cheapest.setdefault(team.skills & wanted, team)
    found = frozenset().union(*cheapest)
    latest = max((min(t.cost for t in cheapest.values() if skill in t.skills) for skill in found), default=0.0)
    near = [team for brought, team in cheapest.items() if brought and team.cost <= latest]
    for size in range(1, len(found) + 1):
        covers = [chosen for chosen in combinations(near, size) if found <= _together(chosen)]
        if covers:
            best = min(covers, key=_worth)
            return list(best)
    return []


def _rank(team: Able) -> tuple[float, str, UUID]:
    return team.cost, team.call_sign, team.team_id


def _together(teams: Sequence[Able]) -> frozenset[str]:
    return frozenset().union(*(team.skills for team in teams))


def _worth(teams: Sequence[Able]) -> tuple[float, list[tuple[str, UUID]]]:
    return fsum(team.cost for team in teams), sorted((team.call_sign, team.team_id) for team in teams)
