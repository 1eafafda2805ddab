"""Aggregates in their tables: the newest versions are loaded, what a change wrote is stored in two statements."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, DateTime, Select, Table, Text, bindparam, column, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Connection

from services.registry.adapters import mapping
from services.registry.adapters.tables import centre_version, grid_version, post_version
from services.registry.domain.centre import Centre
from services.registry.domain.grid import GridNode
from services.registry.domain.post import Post
from services.registry.domain.versions import Version, Versioned

V = TypeVar("V", bound=Versioned[Any])


class TableRepository(Generic[V]):
    """Meets the port Repository for one kind of aggregate and one table."""

    def __init__(
        self,
        connection: Connection,
        table: Table,
        kind: type[V],
        facts_of: Callable[[mapping.Row], Any],
        columns_of: Callable[[Any], dict[str, Any]],
    ) -> None:
        self._connection = connection
        self._table = table
        self._key: Column[Any] = next(iter(table.primary_key.columns))
        self._kind = kind
        self._facts_of = facts_of
        self._columns_of = columns_of
        self._newest = table.c.valid_to.is_(None)

    def all_current(self) -> dict[str, V]:
        """Every aggregate by its key, with its newest version only."""
        return self._load(select(self._table).where(self._newest))

    def keys(self) -> list[str]:
        """The keys alone, without reading any ground."""
        return list(self._connection.execute(select(self._key).where(self._newest)).scalars())

    def current(self, keys: Collection[str]) -> dict[str, V]:
        """Those of these keys, with their newest version only."""
        wanted = func.any(bindparam("keys", list(keys), type_=ARRAY(Text)))
        return self._load(select(self._table).where(self._newest, self._key == wanted))

    def save(self, changed: Iterable[V]) -> None:
        """Close versions first: the index of newest versions has room for one of a key."""
        closed: list[tuple[str, Version[Any]]] = []
        made: list[dict[str, Any]] = []
        for thing in changed:
            new = {version.number for version in thing.written if version.valid_to is None}
            last = {version.number: version for version in thing.written}
            closed += [(thing.key, version) for number, version in last.items() if number not in new]
            made += [self._columns(thing.key, version) for number, version in last.items() if number in new]
        if closed:
            self._close(closed)
        if made:
            self._connection.execute(insert(self._table), made)

    def _load(self, query: Select[Any]) -> dict[str, V]:
        rows = self._connection.execute(query).mappings()
        return {row[self._key.name]: self._kind(row[self._key.name], [self._version(row)]) for row in rows}

    def _close(self, closed: list[tuple[str, Version[Any]]]) -> None:
        keys = bindparam("keys", [key for key, _ in closed], type_=ARRAY(Text))
        ends = bindparam("ends", [version.valid_to for _, version in closed], type_=ARRAY(DateTime(timezone=True)))
        columns = column("key", Text), column("ends_at", DateTime(timezone=True))
        ending = func.unnest(keys, ends).table_valued(*columns).render_derived(name="ending")
        closing = update(self._table).where(self._key == ending.c.key, self._table.c.valid_to.is_(None))
        self._connection.execute(closing.values(valid_to=ending.c.ends_at))

    def _version(self, row: mapping.Row) -> Version[Any]:
        return Version(row["version"], self._facts_of(row), row["valid_from"], row["valid_to"], row["retired"])

    def _columns(self, key: str, version: Version[Any]) -> dict[str, Any]:
        return {self._key.name: key} | mapping.version_columns(version) | self._columns_of(version.facts)


def grids(connection: Connection) -> TableRepository[GridNode]:
    return TableRepository(connection, grid_version, GridNode, mapping.grid_facts, mapping.grid_columns)


def centres(connection: Connection) -> TableRepository[Centre]:
    return TableRepository(connection, centre_version, Centre, mapping.centre_facts, mapping.centre_columns)


def posts(connection: Connection) -> TableRepository[Post]:
    return TableRepository(connection, post_version, Post, mapping.post_facts, mapping.post_columns)
