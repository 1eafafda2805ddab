"""Writes dispatch's copy of the registry; only a newer version replaces a row, so events may come twice or late."""

from collections.abc import Sequence
from typing import Any

import orjson
import shapely
from sqlalchemy import Connection

from services.dispatch.adapters import bulk
from services.dispatch.domain.centre import Centre, Post
from services.dispatch.domain.grid_tree import GridNode

_GRID = (
    ("code", "text"), ("version", "bigint"), ("parent_code", "text"), ("level", "text"), ("kind", "text"),
    ("name_zh", "text"), ("name_en", "text"), ("boundary", "bytea"), ("valid_from", "timestamptz"),
    ("valid_to", "timestamptz"), ("retired", "boolean"), ("revision", "bigint"),
)  # fmt: skip
_CENTRE = (
    ("code", "text"), ("version", "bigint"), ("name_zh", "text"), ("name_en", "text"), ("kind", "text"),
    ("grid_code", "text"), ("lat", "double precision"), ("lon", "double precision"), ("always_open", "boolean"),
    ("hours", "jsonb"), ("retired", "boolean"), ("revision", "bigint"),
)  # fmt: skip
_POST = (
    ("post_id", "text"), ("version", "bigint"), ("grid_code", "text"), ("role", "text"), ("a_holder", "text"),
    ("b_holder", "text"), ("a_absent", "boolean"),
)  # fmt: skip


class PlacesWriterRepository:
    """Implements `application.ports.PlacesWriter`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put_grids(self, nodes: Sequence[GridNode]) -> None:
        """Keep the newest version of each grid; its boundary as WKB."""
        self._put("grid_node", _GRID, "code", [_grid_row(each) for each in _newest(nodes, "code")])

    def put_centres(self, centres: Sequence[Centre]) -> None:
        """Keep the newest version of each centre."""
        self._put("centre", _CENTRE, "code", [_centre_row(each) for each in _newest(centres, "code")])

    def put_posts(self, posts: Sequence[Post]) -> None:
        """Keep the newest version of each post."""
        rows = [{name: getattr(each, name) for name, _ in _POST} for each in _newest(posts, "post_id")]
        bulk.insert(self._connection, "post", _POST, rows, _tail("post", "post_id", _POST))

    def _put(self, table: str, columns: bulk.Columns, key: str, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        # Takes the one row's lock: writers come one after the other, so no revision is seen before its rows.
        revision = bulk.select(self._connection, "UPDATE read_model SET revision = revision + 1 RETURNING revision")[0][
            0
        ]
        for row in rows:
            row["revision"] = revision
        bulk.insert(self._connection, table, columns, rows, _tail(table, key, columns))


def _tail(table: str, key: str, columns: bulk.Columns) -> str:
    changed = [column for column in columns if column[0] != key]
    return f"{bulk.upsert_tail(key, changed)} WHERE EXCLUDED.version > {table}.version"


def _newest(items: Sequence[Any], key: str) -> list[Any]:
    """One per key, in order of keys: a statement may touch a row once, and writers lock rows in one order."""
    newest: dict[str, Any] = {}
    for each in items:
        known = newest.get(getattr(each, key))
        if known is None or each.version > known.version:
            newest[getattr(each, key)] = each
    return [newest[name] for name in sorted(newest)]


def _grid_row(node: GridNode) -> dict[str, Any]:
    row = {name: getattr(node, name) for name, _ in _GRID if name not in ("boundary", "revision")}
    shape = None if node.boundary is None else shapely.from_geojson(orjson.dumps(node.boundary))
    row["name_en"] = node.name_en or ""
    row["boundary"] = None if shape is None else bulk.bytea(shapely.to_wkb(shape))
    return row


def _centre_row(centre: Centre) -> dict[str, Any]:
    row = {name: getattr(centre, name) for name, _ in _CENTRE if name not in ("hours", "revision")}
    row["name_en"] = centre.name_en or ""
    hours = centre.hours
    row["hours"] = None if hours is None else {"opens": f"{hours.opens:%H:%M}", "closes": f"{hours.closes:%H:%M}"}
    return row
