"""What a release that is at work relies on in a schema, read from PostgreSQL's own catalogue, and what breaks it.

Held before and after a migration, so that it does not matter how the migration is written (docs/decisions/0075).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped
"""
_UNIQUE = """
SELECT c.relname, regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING ', '')
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace
"""
_RULES = """
SELECT c.relname, 'constraint', pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype IN ('c', 'f', 'x') AND c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT c.relname, 'trigger', t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT tablename, 'policy', policyname FROM pg_policies WHERE schemaname = 'public'
"""
_FUNCTIONS = """
SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ') ' || pg_get_function_result(p.oid)
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'public'::regnamespace AND l.lanname IN ('plpgsql', 'sql')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


@dataclass(frozen=True)
class Column:
    """`asked`: an INSERT that does not name it is refused."""

    type: str
    always: bool
    asked: bool


@dataclass(frozen=True)
class Shape:
    """Tables with their columns, what ON CONFLICT may name, what may refuse a row, and functions."""

    columns: dict[tuple[str, str], Column]
    unique: set[tuple[str, str]]
    rules: set[tuple[str, str, str]]
    functions: set[str]

    @property
    def tables(self) -> set[str]:
        return {table for table, _ in self.columns}

    @classmethod
    def read(cls, cursor: Any) -> Shape:
        """As it stands now, by a cursor of psycopg2."""

        def rows(sql: str) -> list[tuple[Any, ...]]:
            cursor.execute(sql)
            return list(cursor.fetchall())

        return cls(
            {(table, name): Column(*rest) for table, name, *rest in rows(_COLUMNS)},
            set(rows(_UNIQUE)),
            set(rows(_RULES)),
            {name for (name,) in rows(_FUNCTIONS)},
        )


def breaks(before: Shape, after: Shape) -> Iterator[str]:
    """A sentence for everything that code written for `before` may stumble on in `after`."""
    for table in sorted(before.tables - after.tables):
        yield f"{table}: the table is gone"
    for (table, name), column in sorted(before.columns.items()):
        then = after.columns.get((table, name))
        if then is None and table in after.tables:
            yield f"{table}.{name}: removed or renamed"
        elif then is not None and then.type != column.type:
            yield f"{table}.{name}: {column.type} became {then.type}"
        if then is not None and then.always != column.always:
            yield f"{table}.{name}: " + ("must not be null now" if then.always else "may be null now")
        if then is not None and then.asked and not column.asked:
            yield f"{table}.{name}: must be given now"
    for (table, name), column in sorted(after.columns.items()):
        if table in before.tables and (table, name) not in before.columns and column.asked:
            yield f"{table}.{name}: new, and must be given"
    yield from (f"{table}: no longer unique by {what}" for table, what in sorted(before.unique - after.unique)
                if table in after.tables)  # fmt: skip
    yield from (f"{table}: unique from now on by {what}" for table, what in sorted(after.unique - before.unique)
                if table in before.tables)  # fmt: skip
    yield from (f"{table}: a new {kind}: {what}" for table, kind, what in sorted(after.rules - before.rules)
                if table in before.tables)  # fmt: skip
    yield from (f"{name}: the function is gone" for name in sorted(before.functions - after.functions))
