"""A node of the tree: county, town, community, grid or micro-grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from services.registry.domain.boundary import Boundary
from services.registry.domain.codes import Level, code_refusals
from services.registry.domain.errors import Refusal, broken
from services.registry.domain.versions import Versioned

NAME_ZH_LENGTH, NAME_EN_LENGTH = 64, 128


class GridKind(StrEnum):
    """街巷型, 楼院型, 单位型, 企业专属网格."""

    STREET = "street"
    COURTYARD = "courtyard"
    INSTITUTION = "institution"
    ENTERPRISE = "enterprise"


@dataclass(frozen=True, slots=True)
class GridFacts:
    """What is true of a node. ``boundary_derived``: the boundary is the union of the children's, nobody drew it."""

    parent_code: str | None
    level: str
    kind: str | None
    name_zh: str
    name_en: str
    boundary: Boundary | None
    boundary_derived: bool = False
    households: int | None = None


class GridNode(Versioned[GridFacts]):
    """A node under its code."""

    def refusals(self, facts: GridFacts) -> Iterator[Refusal]:
        """Rules that need no other node; those between nodes are in ``placement``."""
        yield from code_refusals(self.key, facts.level, facts.parent_code)
        yield from _kind_refusals(facts)
        yield from name_refusals(facts.name_zh, facts.name_en)
        if facts.level == Level.MICRO_GRID and facts.boundary is None:
            yield broken("micro_grid_boundary", "geometry", f"the micro-grid {self.key} has no boundary")
        if facts.households is not None and facts.households < 0:
            yield broken("households_range", "households", "a number of households is not negative")


def _kind_refusals(facts: GridFacts) -> Iterator[Refusal]:
    if facts.kind is not None and facts.kind not in frozenset(GridKind):
        yield broken("grid_kind", "kind", f"{facts.kind[:40]!r} is not a kind of grid")
    elif facts.level == Level.GRID and facts.kind is None:
        yield broken("grid_kind", "kind", "a grid has a kind")
    elif facts.kind is not None and facts.level not in (Level.GRID, Level.MICRO_GRID):
        yield broken("kind_below_community", "kind", "only grids and micro-grids have a kind")


def name_refusals(name_zh: str, name_en: str) -> Iterator[Refusal]:
    """A Chinese name is needed, an English one is welcome."""
    if not 1 <= len(name_zh) <= NAME_ZH_LENGTH:
        yield broken(
            "name_length", "name_zh", f"a Chinese name has 1 to {NAME_ZH_LENGTH} characters", most=NAME_ZH_LENGTH
        )
    if len(name_en) > NAME_EN_LENGTH:
        yield broken(
            "name_length", "name_en", f"an English name has at most {NAME_EN_LENGTH} characters", most=NAME_EN_LENGTH
        )
