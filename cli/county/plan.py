"""How big a synthetic county is: how many of each level, and how many households in each."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

# After the township of 128,000 residents with 138 grids and 993 micro-grids (domain.md, S10).
PEOPLE_PER_HOUSEHOLD = 2.6
HOUSEHOLDS_PER_GRID = 357
HOUSEHOLDS_PER_MICRO_GRID = 49.6
PEOPLE_PER_TOWN = 12_800
PEOPLE_PER_COMMUNITY = 3_200
GRID_HOUSEHOLDS = (300, 500)
MICRO_GRID_HOUSEHOLDS = (10, 80)

DIVISION = "999999"  # reserved: no real place has it


@dataclass(frozen=True, slots=True)
class Bounds:
    """A bounding box in WGS 84 degrees."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True)
class CountyPlan:
    """What to generate. Everything follows from it: the same plan gives the same bytes."""

    bounds: Bounds
    seed: int
    people: int
    towns: int
    communities: int
    grids: int
    micro_grids: int
    name_zh: str
    name_en: str


@dataclass(slots=True)
class Node:
    """A node of the tree that is to be, with the households in it."""

    code: str
    level: str
    households: int = 0
    children: list[Node] = field(default_factory=list)

    def leaves(self) -> list[Node]:
        """The micro-grids below, in code order."""
        return [leaf for child in self.children for leaf in child.leaves()] if self.children else [self]

    def walk(self) -> list[Node]:
        """This node and everything below it, parents first, in code order."""
        return [self] + [node for child in self.children for node in child.walk()]


def sizes(people: int) -> dict[str, int]:
    """How many towns, communities, grids and micro-grids that many people need."""
    households = people / PEOPLE_PER_HOUSEHOLD
    towns = max(1, round(people / PEOPLE_PER_TOWN))
    communities = max(towns, round(people / PEOPLE_PER_COMMUNITY))
    grids = max(communities, round(households / HOUSEHOLDS_PER_GRID))
    return {
        "towns": towns,
        "communities": communities,
        "grids": grids,
        "micro_grids": max(grids, round(households / HOUSEHOLDS_PER_MICRO_GRID)),
    }


def grow(plan: CountyPlan, chance: random.Random) -> Node:
    """The tree of codes and households of a plan. Raises ValueError when a code has no room for that many."""
    county = Node(DIVISION, "county")
    towns = _split([county], plan.towns, "town", 3, chance)
    communities = _split(towns, plan.communities, "community", 3, chance)
    grids = _split(communities, plan.grids, "grid", 3, chance)
    per_grid = plan.people / PEOPLE_PER_HOUSEHOLD / plan.grids
    for grid in grids:
        grid.households = _between(per_grid * chance.uniform(0.85, 1.25), GRID_HOUSEHOLDS)
    weights = [grid.households for grid in grids]
    _split(grids, plan.micro_grids, "micro_grid", 2, chance, weights)
    for grid in grids:
        _house(grid, chance)
    for level in (communities, towns, [county]):
        for node in level:
            node.households = sum(child.households for child in node.children)
    return county


def _split(
    parents: list[Node],
    total: int,
    level: str,
    digits: int,
    chance: random.Random,
    weights: Sequence[float] | None = None,
) -> list[Node]:
    shares = share_out(total, weights or [chance.uniform(0.6, 1.4) for _ in parents])
    if max(shares) >= 10**digits:
        raise ValueError(f"{max(shares)} of level {level} below one parent do not fit {digits} digits")
    for parent, share in zip(parents, shares, strict=True):
        parent.children = [Node(f"{parent.code}{number:0{digits}d}", level) for number in range(1, share + 1)]
    return [child for parent in parents for child in parent.children]


def share_out(total: int, weights: Sequence[float]) -> list[int]:
    """Split a whole number by weights, at least one each, the largest remainders rounded up.

    Raises ValueError when there is less than one each.
    """
    if total < len(weights):
        raise ValueError(f"{total} cannot be shared among {len(weights)}")
    rest = total - len(weights)
    exact = [rest * weight / sum(weights) for weight in weights]
    shares = [int(part) for part in exact]
    by_remainder = sorted(range(len(weights)), key=lambda i: (shares[i] - exact[i], i))
    for index in by_remainder[: rest - sum(shares)]:
        shares[index] += 1
    return [share + 1 for share in shares]


def _house(grid: Node, chance: random.Random) -> None:
    weights = [chance.uniform(0.7, 1.3) for _ in grid.children]
    for child, weight in zip(grid.children, weights, strict=True):
        child.households = _between(grid.households * weight / sum(weights), MICRO_GRID_HOUSEHOLDS)
    grid.households = sum(child.households for child in grid.children)


def _between(value: float, limits: tuple[int, int]) -> int:
    return min(max(round(value), limits[0]), limits[1])
