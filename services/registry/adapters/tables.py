"""Tables of the registry's database; the migrations make them, a test holds both equal.

One row is one version of one thing. valid_to is set once, when the next version begins; nothing else is ever updated.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    text,
)

from chassis.database import chassis_tables
from services.registry.adapters.geometry_type import BoundaryType

metadata = MetaData()
chassis = chassis_tables(metadata)


def _moment(name: str, *, nullable: bool = False, **options: Any) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=nullable, **options)


def _versioned(name: str, key: str, *facts: Column[Any]) -> Table:
    """A table of versions under ``key``: one is open at most, and none ends before it begins."""
    return Table(
        name,
        metadata,
        Column(key, Text, primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        *facts,
        _moment("valid_from"),
        _moment("valid_to", nullable=True),
        Column("retired", Boolean, nullable=False),
        _moment("recorded_at", server_default=func.clock_timestamp()),
        CheckConstraint("valid_to > valid_from", name=f"{name}_runs_forward"),
        Index(f"{name}_newest", key, unique=True, postgresql_where=text("valid_to IS NULL")),
    )


grid_version = _versioned(
    "grid_version",
    "code",
    Column("parent_code", Text),
    Column("level", Text, nullable=False),
    Column("kind", Text),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("households", Integer),
    Column("boundary", BoundaryType),
    Column("boundary_derived", Boolean, nullable=False),
    # On the spheroid: a degree of longitude in the north of a county is shorter than in its south.
    Column("area_m2", Double, Computed("ST_Area(boundary::geography)", persisted=True)),
)
Index("grid_version_children", grid_version.c.parent_code)
Index(
    "grid_version_ground",
    text("boundary"),
    postgresql_using="gist",
    postgresql_where=text("level = 'micro_grid'"),
    _table=grid_version,
)

centre_version = _versioned(
    "centre_version",
    "code",
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("grid_code", Text, nullable=False),
    Column("lat", Double, nullable=False),
    Column("lon", Double, nullable=False),
    Column("always_open", Boolean, nullable=False),
    Column("opens", Text),
    Column("closes", Text),
)

post_version = _versioned(
    "post_version",
    "post_id",
    Column("grid_code", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("a_holder", Text),
    Column("b_holder", Text),
    Column("a_absent", Boolean, nullable=False),
)
Index("post_version_grid", post_version.c.grid_code)

# Locators compare it with what they hold in memory; whoever changes the tree counts it up in the same transaction.
tree_state = Table(
    "tree_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="tree_state_is_one_row"),
)
