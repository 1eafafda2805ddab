"""Boundaries that nobody drew: above the micro-grids, a node without its own covers what its children cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from services.registry.application.ports import Surveyor
from services.registry.domain.boundary import Boundary
from services.registry.domain.codes import parent_of
from services.registry.domain.grid import GridFacts


def derive_boundaries(tree: Mapping[str, GridFacts], touched: set[str], surveyor: Surveyor) -> dict[str, GridFacts]:
    """Facts of the whole live tree with derived boundaries filled in.

    ``tree``: facts by code, in which a node to be derived has ``boundary_derived`` or no boundary. ``touched``: codes
    whose ground may be new; only they and what is above them are worked out, the others keep what they have.
    """
    facts = dict(tree)
    children: dict[str, list[str]] = {}
    for code in sorted(facts):
        parent = parent_of(code)
        if parent is not None:
            children.setdefault(parent, []).append(code)
    stale = _and_above(touched)
    # Longest codes first: a parent is united from children that are already right.
    for code in sorted(facts, key=len, reverse=True):
        own = facts[code]
        if own.boundary is not None and not own.boundary_derived:
            continue
        if code in stale or (own.boundary is None and code in children):
            united = _united([facts[child].boundary for child in children.get(code, [])], surveyor)
            facts[code] = replace(own, boundary=united, boundary_derived=united is not None)
    return facts


def _united(parts: list[Boundary | None], surveyor: Surveyor) -> Boundary | None:
    known = [part for part in parts if part is not None]
    return surveyor.union(known) if known else None


def _and_above(codes: set[str]) -> set[str]:
    found: set[str] = set()
    for code in codes:
        above: str | None = code
        while above is not None and above not in found:
            found.add(above)
            above = parent_of(above)
    return found
