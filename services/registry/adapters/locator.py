"""From a point to its micro-grid: now from memory, in microseconds; in the past from PostGIS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import shapely
from sqlalchemy import Engine, LargeBinary, func, literal_column, select
from sqlalchemy.engine import Connection

from chassis.scope import COUNTY
from services.registry.adapters import mapping
from services.registry.adapters.reader import WITHOUT_GROUND, holds, looking
from services.registry.adapters.tables import grid_version, tree_state
from services.registry.domain.codes import chain_of

# Seconds for which the version of the tree, once asked for, is not asked for again by this process.
TRUSTED_SECONDS = 1.0
_LIVE_MICRO_GRID = (grid_version.c.level == "micro_grid") & grid_version.c.retired.is_(False)
_GROUND: Any = literal_column("boundary")


@dataclass(frozen=True, slots=True)
class _Map:
    """One version of the tree. ``codes`` are sorted, so the lowest position is the lowest code."""

    version: int
    codes: Sequence[str]
    cells: shapely.STRtree
    records: Mapping[str, dict[str, Any]]

    def chain(self, lat: float, lon: float) -> list[dict[str, Any]]:
        # Neighbours share their line: whoever stands on it is in both, and has to be counted in one.
        hits = self.cells.query(shapely.Point(lon, lat), predicate="intersects")
        if not len(hits):
            return []
        # Copies: what a caller does with its answer must not reach the next one's.
        return [dict(self.records[code]) for code in chain_of(self.codes[int(hits.min())]) if code in self.records]


class TreeLocator:
    """Meets the port Locator; one per process, shared by its workers.

    The tree and its ground are held in memory and are trusted for 1 s after the database was asked whether they are
    the newest. So a call costs no query, except one a second that compares one number; and a change of the tree
    counts for every call that begins 1 s or more after its commit, until then either version may answer. When the
    database cannot be asked and has to be, its error is raised: the ground of yesterday is no answer.
    """

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        # Together, so that nobody takes an old map for one that another call has just found to be the newest.
        self._trusted: tuple[_Map, float] | None = None
        self._asking = threading.Lock()

    def chain(self, lat: float, lon: float) -> list[dict[str, Any]]:
        """County to micro-grid, as the tree stood within the last second; empty outside the county."""
        return self._newest_map().chain(lat, lon)

    def locate_then(self, lat: float, lon: float, at: datetime) -> str | None:
        """Code of the micro-grid as the tree stood ``at``, from PostGIS."""
        point = func.ST_SetSRID(func.ST_MakePoint(lon, lat), 4326)
        wanted = select(grid_version.c.code).where(
            _LIVE_MICRO_GRID, holds(grid_version, at), func.ST_Intersects(_GROUND, point)
        )
        with looking(self._engine, COUNTY) as connection:
            return connection.execute(wanted.order_by(grid_version.c.code).limit(1)).scalar_one_or_none()

    def _newest_map(self) -> _Map:
        if (found := self._trusted_map(self._clock())) is not None:
            return found
        # One asks, the others wait and find its answer: they must not answer from what may be too old.
        with self._asking:
            # Before the query: its answer is as old as its beginning, however long it takes.
            asked = self._clock()
            if (found := self._trusted_map(asked)) is not None:
                return found
            newest = self._brought_up_to_date()
            self._trusted = newest, asked + TRUSTED_SECONDS
            return newest

    def _trusted_map(self, now: float) -> _Map | None:
        trusted = self._trusted
        return trusted[0] if trusted is not None and now < trusted[1] else None

    def _brought_up_to_date(self) -> _Map:
        if self._trusted is not None:
            known = self._trusted[0]
            with looking(self._engine, COUNTY) as connection:
                if _tree_version(connection) == known.version:
                    return known
        return self._read()

    def _read(self) -> _Map:
        newest = holds(grid_version, None)
        ground = select(grid_version.c.code, func.ST_AsBinary(_GROUND, type_=LargeBinary))
        ground = ground.where(_LIVE_MICRO_GRID, newest).order_by(grid_version.c.code)
        with looking(self._engine, COUNTY) as connection:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            # The version first and in one snapshot: a map must never be older than its number says.
            version = _tree_version(connection)
            cells = connection.execute(ground).all()
            nodes = connection.execute(select(*WITHOUT_GROUND).where(newest)).mappings().all()
        return _Map(
            version=version,
            codes=[row[0] for row in cells],
            cells=shapely.STRtree(shapely.from_wkb([bytes(row[1]) for row in cells])),
            records={row["code"]: mapping.grid_record(row) for row in nodes},
        )


def _tree_version(connection: Connection) -> int:
    return int(connection.execute(select(tree_state.c.version)).scalar_one_or_none() or 0)
