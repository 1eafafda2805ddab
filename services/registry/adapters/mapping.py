"""Between the domain's facts and rows of the tables, and between rows and the records of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping

from chassis.clock import format_time
from services.registry.domain.boundary import Boundary
from services.registry.domain.centre import CentreFacts
from services.registry.domain.grid import GridFacts
from services.registry.domain.post import PostFacts
from services.registry.domain.versions import Version

Row = Mapping[str, Any] | RowMapping
GRID_FACTS = ("parent_code", "level", "kind", "name_zh", "name_en", "boundary", "boundary_derived", "households")
POST_FACTS = ("grid_code", "role", "a_holder", "b_holder", "a_absent")
_CENTRE_FACTS = ("name_zh", "name_en", "kind", "grid_code", "lat", "lon", "always_open")


def grid_facts(row: Row) -> GridFacts:
    return GridFacts(**{name: row[name] for name in GRID_FACTS})


def centre_facts(row: Row) -> CentreFacts:
    hours = None if row["opens"] is None else (row["opens"], row["closes"])
    return CentreFacts(**{name: row[name] for name in _CENTRE_FACTS}, hours=hours)


def post_facts(row: Row) -> PostFacts:
    return PostFacts(**{name: row[name] for name in POST_FACTS})


def grid_columns(facts: GridFacts) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in GRID_FACTS}


def centre_columns(facts: CentreFacts) -> dict[str, Any]:
    opens, closes = facts.hours or (None, None)
    return {name: getattr(facts, name) for name in _CENTRE_FACTS} | {"opens": opens, "closes": closes}


def post_columns(facts: PostFacts) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in POST_FACTS}


def version_columns(version: Version[Any]) -> dict[str, Any]:
    return {
        "version": version.number,
        "valid_from": version.valid_from,
        "valid_to": version.valid_to,
        "retired": version.retired,
    }


def grid_record(row: Row) -> dict[str, Any]:
    """A row of grid_version as contracts.registry tells a grid; without the boundary when the query left it out."""
    boundary: Boundary | None = row.get("boundary")
    return {
        "code": row["code"],
        "version": row["version"],
        "parent_code": row["parent_code"],
        "level": row["level"],
        "kind": row["kind"],
        "name_zh": row["name_zh"],
        "name_en": row["name_en"] or None,
        "boundary": None if boundary is None else boundary.to_geojson(),
        "valid_from": format_time(row["valid_from"]),
        "valid_to": None if row["valid_to"] is None else format_time(row["valid_to"]),
        "retired": row["retired"],
    }


def centre_record(row: Row) -> dict[str, Any]:
    """A row of centre_version as contracts.registry tells a centre."""
    record = {name: row[name] for name in ("code", "version", "retired", *_CENTRE_FACTS)}
    hours = None if row["opens"] is None else {"opens": row["opens"], "closes": row["closes"]}
    return record | {"name_en": row["name_en"] or None, "hours": hours}


def post_record(row: Row) -> dict[str, Any]:
    """A row of post_version as contracts.registry tells a post; a retired one is told as held by nobody."""
    record = {name: row[name] for name in ("post_id", "version", *POST_FACTS)}
    return record | {"a_holder": None, "b_holder": None} if row["retired"] else record
