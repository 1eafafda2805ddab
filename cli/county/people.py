"""Who holds the posts of a synthetic county: 1+3+N in every grid, with A and B holders, as opaque references only."""

from __future__ import annotations

import random
from itertools import count

from cli.county.plan import Node

GRID_KINDS = {"street": 45, "courtyard": 37, "institution": 11, "enterprise": 7}
COLUMNS = ("post_id", "grid_code", "role", "a_holder", "b_holder", "a_absent")
B_VACANT = 0.05
A_ABSENT = 0.02


class Staff:
    """Hands out references of people; the same run gives the same people."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def hire(self) -> str:
        """The reference of one more person."""
        return f"staff-{next(self._numbers):06d}"


def kinds(county: Node, chance: random.Random) -> dict[str, str]:
    """The kind of every grid and, after it, of its micro-grids."""
    found: dict[str, str] = {}
    for grid in (node for node in county.walk() if node.level == "grid"):
        found[grid.code] = chance.choices(list(GRID_KINDS), list(GRID_KINDS.values()))[0]
        found.update({micro.code: found[grid.code] for micro in grid.children})
    return found


def posts(county: Node, kind_of: dict[str, str], staff: Staff, chance: random.Random) -> list[dict[str, str]]:
    """Every post of the county as rows of posts.csv."""
    rows: list[dict[str, str]] = []
    for community in (node for node in county.walk() if node.level == "community"):
        # One police officer and one mediator serve a whole community, as they do.
        officer, auxiliary, mediator = staff.hire(), staff.hire(), staff.hire()
        for grid in community.children:
            rows += _grid_posts(grid, kind_of[grid.code], (officer, auxiliary, mediator), staff, chance)
    return rows


def _grid_posts(
    grid: Node, kind: str, shared: tuple[str, str, str], staff: Staff, chance: random.Random
) -> list[dict[str, str]]:
    officer, auxiliary, mediator = shared
    lead, full_time, part_time = staff.hire(), staff.hire(), staff.hire()
    held = [
        (grid.code, "grid_lead", lead, full_time),
        (grid.code, "full_time_worker", full_time, part_time),
        (grid.code, "part_time_worker", part_time, full_time),
        (grid.code, "community_police", officer, auxiliary),
        (grid.code, "auxiliary_police", auxiliary, officer),
        (grid.code, "mediator", mediator, lead),
    ]
    for micro in grid.children:
        held.append((micro.code, "micro_grid_lead", staff.hire(), full_time))
        if kind == "courtyard":
            held.append((micro.code, "building_head", staff.hire(), staff.hire()))
        elif kind == "street" and chance.random() < 0.5:
            held.append((micro.code, "landlord", staff.hire(), ""))
        if chance.random() < 0.25:
            held.append((micro.code, "volunteer", staff.hire(), ""))
    return [_row(index, post, chance) for index, post in enumerate(held, 1)]


def _row(index: int, post: tuple[str, str, str, str], chance: random.Random) -> dict[str, str]:
    grid_code, role, a_holder, b_holder = post
    b_holder = "" if chance.random() < B_VACANT else b_holder
    absent = bool(b_holder) and chance.random() < A_ABSENT
    return {
        "post_id": f"{grid_code}-{role}-{index:02d}",
        "grid_code": grid_code,
        "role": role,
        "a_holder": a_holder,
        "b_holder": b_holder,
        "a_absent": "true" if absent else "false",
    }
