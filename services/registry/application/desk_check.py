"""Rules between centres, posts and the tree."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from services.registry.application.report import Fault, fault_of
from services.registry.application.rows import Row
from services.registry.domain.centre import Centre, CentreFacts
from services.registry.domain.codes import CODE_LENGTH, Level
from services.registry.domain.errors import broken
from services.registry.domain.post import Post, PostFacts, staffing_refusals
from services.registry.domain.versions import Versioned

F = TypeVar("F", CentreFacts, PostFacts)
PostRow = Row[PostFacts]


def row_faults(
    rows: Iterable[Row[F]], kind: type[Versioned[F]], grids: Collection[str]
) -> Iterator[tuple[Row[F], Fault]]:
    """Rules of each row, and that the grid it names exists."""
    for row in rows:
        own = list(kind(row.key).refusals(row.facts))
        if not own and not row.retired and row.facts.grid_code not in grids:
            own.append(broken("known_grid", "grid_code", f"there is no grid {row.facts.grid_code}"))
        yield from ((row, fault_of(refusal, row.file, row.row, row.key)) for refusal in own)


def staffing_faults(rows: Collection[PostRow], posts: Mapping[str, Post]) -> Iterator[tuple[PostRow, Fault]]:
    """1+3+N of every grid whose own posts the rows touch; told at the first of its rows."""
    staffed: dict[str, list[PostFacts]] = {}
    replaced = {row.key for row in rows}
    for key, post in posts.items():
        if key not in replaced and post.current is not None and not post.current.retired:
            staffed.setdefault(post.current.facts.grid_code, []).append(post.current.facts)
    for row in rows:
        if not row.retired:
            staffed.setdefault(row.facts.grid_code, []).append(row.facts)
    told: set[str] = set()
    for row in rows:
        grid_code = row.facts.grid_code
        if len(grid_code) != CODE_LENGTH[Level.GRID] or grid_code in told:
            continue
        told.add(grid_code)
        # A grid that lost its last post is unstaffed on purpose.
        if grid_code in staffed:
            for refusal in staffing_refusals(grid_code, staffed[grid_code]):
                yield row, fault_of(refusal, row.file, row.row, grid_code)


def grids_in_use(rows: Iterable[Row[Any]], things: Iterable[Centre | Post]) -> frozenset[str]:
    """Codes of grids that a live centre or post would still refer to after the import."""
    rows = list(rows)
    replaced = {row.key for row in rows}
    kept = {
        thing.current.facts.grid_code
        for thing in things
        if thing.current is not None and not thing.current.retired and thing.key not in replaced
    }
    return frozenset(kept | {row.facts.grid_code for row in rows if not row.retired})
