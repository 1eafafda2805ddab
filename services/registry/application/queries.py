"""What the registry answers. ``at`` asks how things stood then; without it, how they stand now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.registry.application.ports import Locator, Reader
from services.registry.domain.codes import CODE_LENGTH, Level, chain_of, level_of
from services.registry.domain.errors import broken, outside_county, unknown_grid


def get_grid(reader: Reader, code: str, at: datetime | None = None) -> dict[str, Any]:
    """One node with its boundary, retired or not. Raises code_shape, unknown_grid."""
    level_of(code)
    found = reader.grid(code, at)
    if found is None:
        raise unknown_grid(code)
    return found


def children(reader: Reader, code: str, at: datetime | None = None) -> dict[str, Any]:
    """The nodes one level below, by code. Raises code_shape, unknown_grid."""
    get_grid(reader, code, at)
    return {"grids": reader.children(code, at)}


def history(reader: Reader, code: str) -> dict[str, Any]:
    """Every version of a node, newest first. Raises code_shape, unknown_grid."""
    level_of(code)
    versions = reader.history(code)
    if not versions:
        raise unknown_grid(code)
    return {"grids": versions}


def locate(reader: Reader, locator: Locator, lat: float, lon: float, at: datetime | None = None) -> dict[str, Any]:
    """County to micro-grid of a point, without boundaries. Raises position_range, outside_county.

    Without ``at`` it is answered from memory: an import counts at the latest one second after its commit.
    """
    if not -90 <= lat <= 90:
        raise broken("position_range", "lat", "latitude is -90..90")
    if not -180 <= lon <= 180:
        raise broken("position_range", "lon", "longitude is -180..180")
    chain = locator.chain(lat, lon) if at is None else _chain_then(reader, locator, lat, lon, at)
    if not chain:
        raise outside_county()
    return {"chain": chain}


def _chain_then(reader: Reader, locator: Locator, lat: float, lon: float, at: datetime) -> list[dict[str, Any]]:
    code = locator.locate_then(lat, lon, at)
    return [] if code is None else reader.grids(chain_of(code), at)


def list_centres(reader: Reader, prefix: str = "") -> dict[str, Any]:
    """Centres that answer for grids whose code begins so; all of them without a prefix. Raises prefix_shape."""
    _check_prefix(prefix)
    return {"centres": reader.centres(prefix)}


def list_posts(reader: Reader, grid_code: str) -> dict[str, Any]:
    """Posts of one grid or micro-grid. Raises code_shape, unknown_grid."""
    get_grid(reader, grid_code)
    return {"posts": reader.posts(grid_code)}


def tree(reader: Reader, prefix: str = "", depth: int | None = None) -> dict[str, Any]:
    """The live nodes below a prefix without their boundaries, wide before narrow.

    ``depth`` counts levels from the county: 1 is the county alone, 5 (or None) goes down to the micro-grids.
    Raises prefix_shape, depth_range.
    """
    _check_prefix(prefix)
    deepest = len(Level) if depth is None else depth
    if not 1 <= deepest <= len(Level):
        raise broken("depth_range", "depth", f"depth is 1 to {len(Level)}")
    return {"grids": reader.tree(prefix, list(CODE_LENGTH.values())[deepest - 1])}


def _check_prefix(prefix: str) -> None:
    if len(prefix) > CODE_LENGTH[Level.MICRO_GRID] or not (prefix == "" or (prefix.isascii() and prefix.isdigit())):
        raise broken("prefix_shape", "prefix", "a prefix is up to 17 digits")
