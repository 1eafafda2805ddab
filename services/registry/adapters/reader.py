"""Queries over the versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, func, or_, select

from chassis.scope import scoped
from services.registry.adapters import mapping
from services.registry.adapters.tables import centre_version, grid_version, post_version

WITHOUT_GROUND = [column for column in grid_version.c if column.name not in ("boundary", "area_m2")]


def holds(table: Table, at: datetime | None) -> ColumnElement[bool]:
    """The versions that hold at that time; None: the newest ones."""
    if at is None:
        return table.c.valid_to.is_(None)
    return (table.c.valid_from <= at) & or_(table.c.valid_to.is_(None), table.c.valid_to > at)


@contextmanager
def looking(engine: Engine, scope: str) -> Iterator[Connection]:
    """A connection whose transaction sees what its scope holds."""
    with engine.connect() as connection, scoped(connection.connection.dbapi_connection, scope):
        yield connection


class SqlReader:
    """Meets the port Reader, for one scope.

    Retired nodes answer to their own code and in their history, and are nowhere else.
    """

    def __init__(self, engine: Engine, scope: str) -> None:
        self._engine = engine
        self._scope = scope

    def grid(self, code: str, at: datetime | None) -> dict[str, Any] | None:
        found = self._grids(select(grid_version).where(grid_version.c.code == code, holds(grid_version, at)))
        return found[0] if found else None

    def grids(self, codes: Sequence[str], at: datetime | None) -> list[dict[str, Any]]:
        """Without boundaries: a chain is asked for with every call, its outlines hardly ever."""
        wanted = select(*WITHOUT_GROUND).where(grid_version.c.code.in_(codes), holds(grid_version, at))
        return self._grids(wanted.order_by(func.length(grid_version.c.code)))

    def children(self, code: str, at: datetime | None) -> list[dict[str, Any]]:
        live = grid_version.c.retired.is_(False) & holds(grid_version, at)
        return self._grids(select(grid_version).where(grid_version.c.parent_code == code, live).order_by("code"))

    def history(self, code: str) -> list[dict[str, Any]]:
        """Newest first."""
        versions = select(grid_version).where(grid_version.c.code == code)
        return self._grids(versions.order_by(grid_version.c.version.desc()))

    def tree(self, prefix: str, longest_code: int) -> list[dict[str, Any]]:
        """Parents before children, without boundaries."""
        live = grid_version.c.retired.is_(False) & holds(grid_version, None)
        below = grid_version.c.code.startswith(prefix, autoescape=True) & (
            func.length(grid_version.c.code) <= longest_code
        )
        return self._grids(
            select(*WITHOUT_GROUND).where(live, below).order_by(func.length(grid_version.c.code), "code")
        )

    def centres(self, prefix: str) -> list[dict[str, Any]]:
        live = centre_version.c.retired.is_(False) & holds(centre_version, None)
        below = centre_version.c.grid_code.startswith(prefix, autoescape=True)
        with looking(self._engine, self._scope) as connection:
            rows = connection.execute(select(centre_version).where(live, below).order_by("code")).mappings()
            return [mapping.centre_record(row) for row in rows]

    def posts(self, grid_code: str) -> list[dict[str, Any]]:
        live = post_version.c.retired.is_(False) & holds(post_version, None)
        with looking(self._engine, self._scope) as connection:
            wanted = select(post_version).where(live, post_version.c.grid_code == grid_code).order_by("post_id")
            return [mapping.post_record(row) for row in connection.execute(wanted).mappings()]

    def _grids(self, query: Select[Any]) -> list[dict[str, Any]]:
        with looking(self._engine, self._scope) as connection:
            return [mapping.grid_record(row) for row in connection.execute(query).mappings()]
