"""What the registry answers. ``at`` asks how things stood then; without it, how they stand now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chassis.actor import Actor
from contracts.rights.deciding import reach_of
from services.registry.application.access import reaches, refuse_unless, sees
from services.registry.application.ports import Locator, Reader
from services.registry.domain.codes import CODE_LENGTH, Level, chain_of, level_of
from services.registry.domain.errors import broken, outside_county, unknown_grid

GRIDS, LOCATING, CENTRES, POSTS = "grid.read", "grid.locate", "centre.read", "post.read"


def get_grid(reader: Reader, actor: Actor, code: str, at: datetime | None = None) -> dict[str, Any]:
    """One node with its boundary, retired or not. Raises code_shape, unknown_grid, forbidden."""
    level_of(code)
    refuse_unless(sees(actor, GRIDS, code), actor, GRIDS)
    found = reader.grid(code, at)
    if found is None:
        raise unknown_grid(code)
    return found


def children(reader: Reader, actor: Actor, code: str, at: datetime | None = None) -> dict[str, Any]:
    """The nodes one level below, by code. Raises code_shape, unknown_grid, forbidden."""
    get_grid(reader, actor, code, at)
    return {"grids": [each for each in reader.children(code, at) if sees(actor, GRIDS, each["code"])]}


def history(reader: Reader, actor: Actor, code: str) -> dict[str, Any]:
    """Every version of a node, newest first. Raises code_shape, unknown_grid, forbidden."""
    level_of(code)
    refuse_unless(sees(actor, GRIDS, code), actor, GRIDS)
    versions = reader.history(code)
    if not versions:
        raise unknown_grid(code)
    return {"grids": versions}


def locate(
    reader: Reader, locator: Locator, actor: Actor, lat: float, lon: float, at: datetime | None = None
) -> dict[str, Any]:
    """County to micro-grid of a point, without boundaries: for whoever takes calls, wherever it is.

    Raises position_range, outside_county, forbidden.

    Without ``at`` it is answered from memory: an import counts at the latest one second after its commit.
    """
    refuse_unless(bool(reach_of(actor, LOCATING)), actor, LOCATING)
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


def list_centres(reader: Reader, actor: Actor, prefix: str = "") -> dict[str, Any]:
    """Centres that answer for grids whose code begins so; all of them without a prefix. Raises prefix_shape."""
    _check_prefix(prefix)
    refuse_unless(bool(reach_of(actor, CENTRES)), actor, CENTRES)
    return {"centres": [each for each in reader.centres(prefix) if reaches(actor, CENTRES, each["grid_code"])]}


def list_posts(reader: Reader, actor: Actor, grid_code: str) -> dict[str, Any]:
    """Posts of one grid or micro-grid. Raises code_shape, unknown_grid, forbidden."""
    refuse_unless(reaches(actor, POSTS, grid_code), actor, POSTS)
    get_grid(reader, actor, grid_code)
    return {"posts": reader.posts(grid_code)}


def tree(reader: Reader, actor: Actor, prefix: str = "", depth: int | None = None) -> dict[str, Any]:
    """The live nodes below a prefix without their boundaries, wide before narrow.

    ``depth`` counts levels from the county: 1 is the county alone, 5 (or None) goes down to the micro-grids.
    Raises prefix_shape, depth_range.
    """
    _check_prefix(prefix)
    deepest = len(Level) if depth is None else depth
    if not 1 <= deepest <= len(Level):
        raise broken("depth_range", "depth", f"depth is 1 to {len(Level)}")
    refuse_unless(bool(reach_of(actor, GRIDS)), actor, GRIDS)
    found = reader.tree(prefix, list(CODE_LENGTH.values())[deepest - 1])
    return {"grids": [each for each in found if sees(actor, GRIDS, each["code"])]}


def _check_prefix(prefix: str) -> None:
    if len(prefix) > CODE_LENGTH[Level.MICRO_GRID] or not (prefix == "" or (prefix.isascii() and prefix.isdigit())):
        raise broken("prefix_shape", "prefix", "a prefix is up to 17 digits")
