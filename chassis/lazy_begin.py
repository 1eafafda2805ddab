"""A psycopg2 connection whose BEGIN travels with the first statement of the transaction.

psycopg2 sends BEGIN by itself and waits for the answer: a round trip in every transaction, in which nothing happens
(measured with arm + cancel, one statement each: a third of the time). Everything else is as psycopg2 has it: nothing is
open until a statement is sent, `commit` and `rollback` end it.
"""

from __future__ import annotations

from typing import Any

from psycopg2 import InterfaceError, extensions

from chassis.scope import SETTING

_IDLE = extensions.TRANSACTION_STATUS_IDLE
_BEGIN = {
    extensions.ISOLATION_LEVEL_AUTOCOMMIT: None,
    extensions.ISOLATION_LEVEL_DEFAULT: "BEGIN",
    extensions.ISOLATION_LEVEL_READ_COMMITTED: "BEGIN",
    extensions.ISOLATION_LEVEL_REPEATABLE_READ: "BEGIN ISOLATION LEVEL REPEATABLE READ",
    extensions.ISOLATION_LEVEL_SERIALIZABLE: "BEGIN ISOLATION LEVEL SERIALIZABLE",
}


class LazyConnection(extensions.connection):
    """To be given to psycopg2 as ``connection_factory``."""

    begins_with: str | None = "BEGIN"
    scope: str | None = None
    """What the next transactions may see of rows with a policy (``chassis.scope``); it travels with their BEGIN."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # psycopg2 then sends no BEGIN of its own.
        self.autocommit = True
        self.cursor_factory = LazyCursor

    def set_isolation_level(self, level: int | None) -> None:
        """From the next transaction on; autocommit opens none."""
        self.begins_with = _BEGIN[level]

    @property
    def opening(self) -> str:
        """What opens a transaction."""
        begin = self.begins_with or ""
        return begin if self.scope is None else f"{begin};SET LOCAL {SETTING} = '{self.scope}'"

    def commit(self) -> None:
        """End the transaction, if one is open. Raises what the server or the connection raises."""
        self._end("COMMIT")

    def rollback(self) -> None:
        """Undo the transaction, if one is open."""
        self._end("ROLLBACK")

    def _end(self, word: str) -> None:
        if self.closed:
            raise InterfaceError("connection already closed")
        if self.get_transaction_status() != _IDLE:
            with self.cursor(cursor_factory=extensions.cursor) as cursor:
                cursor.execute(word)


class LazyCursor(extensions.cursor):
    """Puts BEGIN before the first statement of a transaction."""

    connection: LazyConnection

    def execute(self, query: Any, vars: Any = None) -> None:
        """Run a statement, in a transaction that it opens when none is open."""
        if self.name is not None:
            # One that lives in the server: psycopg2 takes our transaction for none and wants it held beyond its end.
            self.withhold = True
            self._open()
        elif self._opens():
            if isinstance(query, str):
                query = f"{self.connection.opening};{query}"
            else:
                self._open()
        super().execute(query, vars)

    def executemany(self, query: Any, vars_list: Any) -> None:
        """Run a statement for each of ``vars_list``, in one transaction."""
        self._open()
        super().executemany(query, vars_list)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        """COPY, in a transaction."""
        self._open()
        super().copy_expert(sql, file, size)

    def _opens(self) -> bool:
        connection = self.connection
        return connection.begins_with is not None and connection.get_transaction_status() == _IDLE

    def _open(self) -> None:
        if self._opens():
            with self.connection.cursor(cursor_factory=extensions.cursor) as cursor:
                cursor.execute(self.connection.opening)
