"""What a run of commands wrote, and psycopg2 alone writing the same rows again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2.extensions

Row = tuple[Any, ...]
Tables = Mapping[str, Mapping[Row, Row]]
"""Rows by key, by table."""

# Key columns of what an incident's stamps write, parents first; columns that the database fills in by itself.
KEYS = {
    "incident": ("incident_id",),
    "assignment": ("assignment_id",),
    "timeline": ("incident_id", "seq"),
    "deadline": ("subject", "kind", "generation"),
    "idempotency": ("client", "key"),
    "outbox": ("message_id",),
}
FILLED_IN = {"outbox": {"id", "created_at", "attempts", "not_before", "last_error"}, "idempotency": {"recorded_at"}}
_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


@dataclass(frozen=True)
class Change:
    """What one transaction did to one table."""

    table: str
    inserted: list[Row]
    updated: list[Row]
    moved: list[str]
    deleted: list[Row]


class RawRows:
    """Looks at the tables, and writes into them, over one psycopg2 connection."""

    def __init__(self, connection: psycopg2.extensions.connection) -> None:
        self._connection = connection
        self._columns: dict[str, dict[str, str]] = {}
        with connection.cursor() as cursor:
            for table in KEYS:
                cursor.execute(_COLUMNS, (table,))
                own = FILLED_IN.get(table, set())
                self._columns[table] = {name: kind for name, kind in cursor.fetchall() if name not in own}
        connection.rollback()

    def now(self) -> Tables:
        """Every row, its JSON as the text that it is."""
        found: dict[str, dict[Row, Row]] = {}
        with self._connection.cursor() as cursor:
            for table, columns in self._columns.items():
                names = list(columns)
                shown = ", ".join(f'"{each}"' + ("::text" if "json" in columns[each] else "") for each in names)
                cursor.execute(f"SELECT {shown} FROM {table}")
                rows = [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in cursor]
                key = [names.index(each) for each in KEYS[table]]
                found[table] = {tuple(row[at] for at in key): row for row in rows}
        self._connection.rollback()
        return found

    def changes(self, before: Tables, after: Tables) -> list[Change]:
        """What became of the tables between two looks, ready to be done again."""
        return [self._change(table, before[table], after[table]) for table in KEYS]

    def write(self, changes: Sequence[Change]) -> None:
        """Do it in one transaction, with one statement each for the new, the changed and the gone rows of a table."""
        with self._connection.cursor() as cursor:
            for each in changes:
                self._write(cursor, each)
        self._connection.commit()

    def _change(self, table: str, before: Mapping[Row, Row], after: Mapping[Row, Row]) -> Change:
        names = list(self._columns[table])
        both = [(before[key], row) for key, row in after.items() if key in before and before[key] != row]
        moved = [at for at in range(len(names)) if any(old[at] != new[at] for old, new in both)]
        key = [names.index(each) for each in KEYS[table]]
        return Change(
            table,
            inserted=[row for k, row in after.items() if k not in before],
            # A value that is as it was is not sent: no more is written than has to be.
            updated=[
                (*(new[at] for at in key), *(new[at] if new[at] != old[at] else None for at in moved))
                for old, new in both
            ],
            moved=[names[at] for at in moved],
            deleted=[k for k in before if k not in after],
        )

    def _write(self, cursor: Any, change: Change) -> None:
        table, key = change.table, KEYS[change.table]
        same = " AND ".join(f't."{name}" = v."{name}"' for name in key)
        if change.deleted:
            source = self._source(table, key)
            cursor.execute(f"DELETE FROM {table} t USING {source} WHERE {same}", by_column(change.deleted))
            assert cursor.rowcount == len(change.deleted)
        if change.updated:
            sets = ", ".join(f'"{name}" = coalesce(v."{name}", t."{name}")' for name in change.moved)
            source = self._source(table, (*key, *change.moved))
            cursor.execute(f"UPDATE {table} t SET {sets} FROM {source} WHERE {same}", by_column(change.updated))
            assert cursor.rowcount == len(change.updated)
        if change.inserted:
            names = tuple(self._columns[table])
            shown = ", ".join(f'"{name}"' for name in names)
            source = self._source(table, names)
            cursor.execute(f"INSERT INTO {table} ({shown}) SELECT {shown} FROM {source}", by_column(change.inserted))

    def _source(self, table: str, names: Sequence[str]) -> str:
        """Rows that travel as one array a column: less to write and to parse than as many lists of VALUES."""
        arrays = ", ".join(f"%s::{self._columns[table][name]}[]" for name in names)
        shown = ", ".join(f'"{name}"' for name in names)
        return f"unnest({arrays}) AS v ({shown})"


def by_column(rows: Sequence[Row]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
