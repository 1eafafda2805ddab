"""From a point to its micro-grid: now from memory, in microseconds; in the past from PostGIS."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import shapely
from sqlalchemy import Engine, LargeBinary, func, literal_column, select
from sqlalchemy.engine import Connection

from services.registry.adapters.reader import holds
from services.registry.adapters.tables import grid_version, tree_state

_LIVE_MICRO_GRID = (grid_version.c.level == "micro_grid") & grid_version.c.retired.is_(False)
_GROUND: Any = literal_column("boundary")


@dataclass(frozen=True, slots=True)
class _Map:
    """The ground of one version of the tree. ``codes`` are sorted, so the lowest position is the lowest code."""

    version: int
    codes: tuple[str, ...]
    cells: shapely.STRtree

    def find(self, lat: float, lon: float) -> str | None:
        # Neighbours share their line: whoever stands on it is in both, and has to be counted in one.
        hits = self.cells.query(shapely.Point(lon, lat), predicate="intersects")
        return self.codes[int(hits.min())] if len(hits) else None


class TreeLocator:
    """Meets the port Locator. Reads the tree anew when its version in the database has moved on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._map: _Map | None = None
        self._reading = threading.Lock()

    def locate(self, lat: float, lon: float, at: datetime | None) -> str | None:
        if at is not None:
            return self._locate_then(lat, lon, at)
        return self._newest_map().find(lat, lon)

    def _newest_map(self) -> _Map:
        with self._engine.connect() as connection:
            version = _tree_version(connection)
        known = self._map
        if known is not None and known.version == version:
            return known
        # One reader at a time: the others find its map when their turn comes.
        with self._reading:
            if self._map is None or self._map.version != version:
                self._map = self._read()
            return self._map

    def _read(self) -> _Map:
        ground = func.ST_AsBinary(_GROUND, type_=LargeBinary)
        wanted = select(grid_version.c.code, ground).where(_LIVE_MICRO_GRID, holds(grid_version, None))
        with self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            # The version first and in one snapshot: a map must never be older than its number says.
            version = _tree_version(connection)
            rows = connection.execute(wanted.order_by(grid_version.c.code)).all()
        shapes = shapely.from_wkb([bytes(row[1]) for row in rows])
        return _Map(version, tuple(row[0] for row in rows), shapely.STRtree(shapes))

    def _locate_then(self, lat: float, lon: float, at: datetime) -> str | None:
        point = func.ST_SetSRID(func.ST_MakePoint(lon, lat), 4326)
        wanted = select(grid_version.c.code).where(
            _LIVE_MICRO_GRID, holds(grid_version, at), func.ST_Intersects(_GROUND, point)
        )
        with self._engine.connect() as connection:
            return connection.execute(wanted.order_by(grid_version.c.code).limit(1)).scalar_one_or_none()


def _tree_version(connection: Connection) -> int:
    return int(connection.execute(select(tree_state.c.version)).scalar_one_or_none() or 0)
