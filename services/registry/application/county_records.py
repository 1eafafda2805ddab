"""From one record of a county's files to its key, its facts, and whether it is retired."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.registry.application.rows import degrees, flag, optional_text, optional_whole, text
from services.registry.domain.boundary import Boundary
from services.registry.domain.centre import CentreFacts
from services.registry.domain.errors import broken
from services.registry.domain.grid import GridFacts
from services.registry.domain.post import PostFacts

CENTRE_COLUMNS = ("code", "name_zh", "name_en", "kind", "grid_code", "lat", "lon", "always_open", "opens", "closes")
POST_COLUMNS = ("post_id", "grid_code", "role", "a_holder", "b_holder", "a_absent")
OPTIONAL_COLUMNS = ("retired",)


def grid_of(feature: Any) -> tuple[str, GridFacts, bool]:
    """A feature of grids.geojson. Raises the first broken rule of its cells."""
    cells = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(cells, dict) or feature.get("type") != "Feature":
        raise broken("feature", "properties", "not a Feature with properties")
    geometry = feature.get("geometry")
    facts = GridFacts(
        parent_code=optional_text(cells, "parent_code"),
        level=text(cells, "level"),
        kind=optional_text(cells, "kind"),
        name_zh=text(cells, "name_zh"),
        name_en=optional_text(cells, "name_en") or "",
        boundary=None if geometry is None else Boundary.from_geojson(geometry),
        households=optional_whole(cells, "households"),
    )
    return text(cells, "code"), facts, flag(cells, "retired")


def centre_of(cells: Mapping[str, Any]) -> tuple[str, CentreFacts, bool]:
    """A row of centres.csv. Raises the first broken rule of its cells."""
    opens, closes = optional_text(cells, "opens"), optional_text(cells, "closes")
    facts = CentreFacts(
        name_zh=text(cells, "name_zh"),
        name_en=optional_text(cells, "name_en") or "",
        kind=text(cells, "kind"),
        grid_code=text(cells, "grid_code"),
        lat=degrees(cells, "lat"),
        lon=degrees(cells, "lon"),
        always_open=flag(cells, "always_open"),
        hours=None if opens is None and closes is None else (opens or "", closes or ""),
    )
    return text(cells, "code"), facts, flag(cells, "retired")


def post_of(cells: Mapping[str, Any]) -> tuple[str, PostFacts, bool]:
    """A row of posts.csv. Raises the first broken rule of its cells."""
    facts = PostFacts(
        grid_code=text(cells, "grid_code"),
        role=text(cells, "role"),
        a_holder=optional_text(cells, "a_holder"),
        b_holder=optional_text(cells, "b_holder"),
        a_absent=flag(cells, "a_absent"),
    )
    return text(cells, "post_id"), facts, flag(cells, "retired")
