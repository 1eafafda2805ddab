"""Where a place is and who answers for it, from dispatch's own copy of the registry, held in memory.

An STRtree answers "which micro-grid covers this point" in microseconds; asking PostgreSQL each time would cost a
round trip for every incident of a batch. The copy is brought up to date by revision: one row says whether it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import time
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

import shapely
from sqlalchemy import Connection

from services.dispatch.adapters import bulk
from services.dispatch.domain.centre import Centre, Hours
from services.dispatch.domain.grid_tree import GridNode, GridTree

_REVISION = "SELECT revision FROM read_model"
_NODES = """
SELECT code, version, parent_code, level, kind, name_zh, name_en, valid_from, valid_to, retired, boundary
FROM grid_node WHERE revision > %(seen)s
"""
_CENTRES = """
SELECT code, version, name_zh, name_en, kind, grid_code, lat, lon, always_open, hours, retired
FROM centre WHERE revision > %(seen)s
"""


@dataclass(frozen=True, slots=True)
class PlacesSnapshot:
    """Implements `application.ports.Places`: the copy as it was at one revision; never changes."""

    revision: int
    tree: GridTree
    centres: Sequence[Centre]
    timezone: ZoneInfo
    codes: Sequence[str]
    index: shapely.STRtree

    def locate(self, lat: float, lon: float) -> str | None:
        """The lowest known code whose ground covers the point; on a shared border the smallest code, always."""
        found = self.index.query(shapely.Point(lon, lat), predicate="intersects")
        return min((self.codes[at] for at in found), key=lambda code: (-len(code), code), default=None)


@dataclass
class PlacesCache:
    """One per process, shared by its workers: hands out the newest snapshot, built only when something changed."""

    timezone: ZoneInfo
    _nodes: dict[str, GridNode] = field(default_factory=dict)
    _shapes: dict[str, shapely.Geometry] = field(default_factory=dict)
    _centres: dict[str, Centre] = field(default_factory=dict)
    _snapshot: PlacesSnapshot | None = None
    # Two workers must not build at once; the second finds the work done.
    _building: Lock = field(default_factory=Lock)

    def current(self, connection: Connection) -> PlacesSnapshot:
        """The copy as committed now. One statement of a single row when nothing has changed."""
        return self.at(connection, bulk.select(connection, _REVISION)[0][0])

    def at(self, connection: Connection, newest: int) -> PlacesSnapshot:
        """The copy at the revision that the caller has just read."""
        snapshot = self._snapshot
        if snapshot is None or snapshot.revision < newest:
            with self._building:
                snapshot = self._snapshot
                if snapshot is None or snapshot.revision < newest:
                    snapshot = self._snapshot = self._build(connection, newest)
        return snapshot

    def _build(self, connection: Connection, newest: int) -> PlacesSnapshot:
        seen = {"seen": -1 if self._snapshot is None else self._snapshot.revision}
        for *row, boundary in bulk.select(connection, _NODES, seen):
            node = _node(row)
            self._nodes[node.code] = node
            self._shapes.pop(node.code, None)
            if boundary is not None and not node.retired:
                self._shapes[node.code] = shapely.from_wkb(bytes(boundary))
        for told in bulk.select(connection, _CENTRES, seen):
            centre = _centre(told)
            self._centres[centre.code] = centre
        kept = sorted((each for each in self._centres.values() if not each.retired), key=lambda each: each.code)
        return PlacesSnapshot(
            revision=newest,
            tree=GridTree(self._nodes.values()),
            centres=kept,
            timezone=self.timezone,
            codes=list(self._shapes),
            index=shapely.STRtree(list(self._shapes.values())),
        )


def _node(row: Sequence[Any]) -> GridNode:
    code, version, parent_code, level, kind, name_zh, name_en, valid_from, valid_to, retired = row
    return GridNode(
        code=code, version=version, parent_code=parent_code, level=level, kind=kind, name_zh=name_zh, name_en=name_en,
        valid_from=valid_from, valid_to=valid_to, retired=retired,
    )  # fmt: skip


def _centre(row: Sequence[Any]) -> Centre:
    code, version, name_zh, name_en, kind, grid_code, lat, lon, always_open, hours, retired = row
    return Centre(
        code=code, version=version, name_zh=name_zh, name_en=name_en, kind=kind, grid_code=grid_code, lat=lat, lon=lon,
        always_open=always_open, retired=retired,
        hours=Hours(time.fromisoformat(hours["opens"]), time.fromisoformat(hours["closes"])) if hours else None,
    )  # fmt: skip
