"""Many rows in one statement of plain SQL: the hot path pays no round trip per row and no compilation.

Rows travel as one JSON text that orjson writes in C, data classes and times included, and PostgreSQL takes apart with
`json_to_recordset`. Written as 500 lists of VALUES the same rows cost more on both sides.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection

from chassis.prepared import ask
from chassis.script import Executes

Columns = Sequence[tuple[str, str]]
"""Names with their PostgreSQL types."""
Row = Mapping[str, Any]


def select(
    connection: Connection, statement: str, parameters: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Every row of one statement with %(name)s parameters."""
    rows: Sequence[Any] = connection.exec_driver_sql(statement, dict(parameters or {})).fetchall()
    return list(rows)


def select_again(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Every row of a statement that is asked all day: prepared. Each %(name)s is followed by its type."""
    rows: Sequence[Any] = ask(connection, statement, parameters).fetchall()
    return list(rows)


def join_each(connection: Connection, columns: Columns, rows: Sequence[Row], subselect: str) -> list[tuple[Any, ...]]:
    """The first of `columns` with every row that `subselect` finds for one of `rows`, which it knows as `q`."""
    statement = (
        f"SELECT q.{columns[0][0]}, found.* FROM {_record_set(columns, 'q')} CROSS JOIN LATERAL ({subselect}) AS found"
    )
    found: Sequence[Any] = ask(connection, statement, (orjson.dumps(rows).decode(),)).fetchall()
    return list(found)


def bytea(value: bytes) -> str:
    """Bytes in the text form of PostgreSQL, for a row."""
    return "\\x" + value.hex()


def insert(connection: Executes, table: str, columns: Columns, rows: Sequence[Row], tail: str = "") -> None:
    """INSERT all `rows`; `tail` may say ON CONFLICT."""
    if not rows:
        return
    names = _names(columns)
    statement = f"INSERT INTO {table} ({names}) SELECT {names} FROM {_record_set(columns)} {tail}"
    connection.exec_driver_sql(statement, (orjson.dumps(rows).decode(),))


def update(
    connection: Executes,
    table: str,
    key: str,
    columns: Columns,
    rows: Sequence[Row],
    *,
    kept: Collection[str] = (),
    only: tuple[str, str] | None = None,
    must_exist: bool = False,
) -> int | None:
    """UPDATE all `rows` by `key`, which is a UUID; how many were there, where that is known at once.

    A column in `kept` that a row leaves out stays as it is. `only` = (ours, theirs) leaves a row alone whose integer
    column `theirs` is not what our row has as `ours`. `must_exist`: a key that is not there is a DivisionByZero.
    """
    if not rows:
        return 0
    changes = ", ".join(
        f'"{name}" = coalesce(v."{name}", t."{name}")' if name in kept else f'"{name}" = v."{name}"'
        for name, _ in columns
    )
    shape = [(key, "uuid"), *columns, *([(only[0], "integer")] if only else [])]
    narrowed = f'AND t."{only[1]}" = v."{only[0]}"' if only else ""
    source = f"given, {_record_set(shape, rows='given.rows')}" if must_exist else _record_set(shape)
    statement = f"UPDATE {table} AS t SET {changes} FROM {source} WHERE t.{key} = v.{key} {narrowed}"
    if must_exist:
        # A script learns of no row count; that a row is missing is an error of the statement itself.
        statement = (
            f"WITH given AS (SELECT %s::json AS rows), written AS ({statement} RETURNING 1)"
            " SELECT 1 / (count(*) = (SELECT json_array_length(rows) FROM given))::integer FROM written"
        )
    done = connection.exec_driver_sql(statement, (orjson.dumps(rows).decode(),))
    return None if done is None else int(done.rowcount)


def upsert_tail(key: str, columns: Columns) -> str:
    """The tail of an INSERT that replaces `columns` of a row that exists."""
    changes = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name, _ in columns)
    return f"ON CONFLICT ({key}) DO UPDATE SET {changes}"


def _names(columns: Columns) -> str:
    return ", ".join(f'"{name}"' for name, _ in columns)


def _record_set(columns: Columns, name: str = "v", rows: str = "%s::json") -> str:
    shape = ", ".join(f'"{column}" {kind}' for column, kind in columns)
    return f"json_to_recordset({rows}) AS {name} ({shape})"
