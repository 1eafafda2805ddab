"""The outbox as the relay sees it: whose turn it is, which rows may go, what a row becomes, how one is put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import pika
from sqlalchemy import Connection, CursorResult, Table, bindparam, func, text, update

from chassis.headers import TRACEPARENT
from chassis.link import Message
from chassis.prepared import ask

CORRELATION_ID = "correlation_id"
"""The header that becomes the property of that name."""
NO_HEADERS = "{}"
_RETRY_LIMIT_SECONDS = 60


class OutboxRow(NamedTuple):
    """What the relay needs of a row; ``headers`` as JSON text, ``seconds`` (since 1970) is when it was written."""

    id: int
    order_key: str
    message_id: str
    exchange: str
    routing_key: str
    mandatory: bool
    content_type: str
    headers: str
    traceparent: str | None
    seconds: int
    attempts: int
    body: bytes


class OutboxClaim:
    """One transaction's claim on the oldest rows that may go, read piece by piece; they are its own until it ends.

    When there are many, a cursor: every piece comes from the moment of the first, so that a row which was committed
    late cannot come after a later one of its key. It is still the database that says which row is whose (``FOR UPDATE
    SKIP LOCKED``). The few that there mostly are come with one statement that is planned once a connection.
    """

    def __init__(self, connection: Connection, table: Table, owner: str, limit: int) -> None:
        self._connection = connection
        self._table = table
        self._owner = owner
        self._select = _select_sql(table.fullname)
        self._limit = limit
        self._open = False

    def is_ours(self) -> bool:
        """Take the owner's advisory lock; False while another relay has it."""
        lock = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
        return bool(self._connection.exec_driver_sql(lock, (f"wangge.relay.{self._owner}",)).scalar_one())

    def first(self, number: int) -> list[OutboxRow]:
        """The oldest rows, ``number`` at most; what more there is comes with ``next``."""
        rows = _rows_of(ask(self._connection, f"{self._select} LIMIT {number} {_CLAIMED}", ()))
        if len(rows) < number:
            return rows
        return self._read(
            f"DECLARE claimed NO SCROLL CURSOR FOR {self._select} LIMIT {self._limit} {_CLAIMED};"
            f" FETCH FORWARD {number} FROM claimed", number
        )  # fmt: skip

    def next(self, number: int, gone: Sequence[int]) -> list[OutboxRow]:
        """Delete the rows that are ``gone`` and return the next; empty when there are no more."""
        if not self._open:
            self.delete(gone)
            return []
        delete = f"{self._delete_sql(gone)}; " if gone else ""
        return self._read(f"{delete}FETCH FORWARD {number} FROM claimed", number)

    def delete(self, gone: Sequence[int]) -> None:
        if gone:
            self._connection.exec_driver_sql(self._delete_sql(gone))

    def finish(self, gone: Sequence[int]) -> None:
        """Delete the last rows that are ``gone``, and commit, in one round trip."""
        if gone:
            self._connection.exec_driver_sql(f"{self._delete_sql(gone)}; COMMIT")

    def put_back(self, failed: Mapping[int, str]) -> None:
        """Count a failed try of rows, by id with its error; the next one comes after 1, 2, 4 … 60 seconds."""
        if failed:
            tries = [{"row": row, "error": error} for row, error in failed.items()]
            self._connection.execute(_put_back_statement(self._table), tries)

    def _read(self, statement: str, number: int) -> list[OutboxRow]:
        rows = _rows_of(self._connection.exec_driver_sql(statement))
        self._open = len(rows) == number
        return rows

    def _delete_sql(self, gone: Sequence[int]) -> str:
        return f"DELETE FROM {self._table.fullname} WHERE id = ANY('{{{','.join(map(str, gone))}}}'::bigint[])"


_CLAIMED = "FOR UPDATE OF o SKIP LOCKED"


def _rows_of(result: CursorResult[Any]) -> list[OutboxRow]:
    # Not through rows of SQLAlchemy: typing them costs as much as publishing them.
    rows = [OutboxRow._make(row) for row in result.cursor.fetchall()] if result.cursor else []
    result.close()
    return rows


def _select_sql(table: str) -> str:
    # (SELECT clock_timestamp()) is evaluated once; the bare call is volatile and would be once a row.
    return (
        "SELECT id, order_key, message_id::text, exchange, routing_key, mandatory,"
        " content_type, headers::text, traceparent, floor(extract(epoch FROM created_at))::bigint, attempts, body"
        f" FROM {table} AS o WHERE (not_before IS NULL OR not_before <= (SELECT clock_timestamp())) AND NOT EXISTS ("
        f"SELECT FROM {table} AS earlier WHERE earlier.order_key = o.order_key AND earlier.id < o.id"
        " AND earlier.not_before IS NOT NULL) ORDER BY id"
    )


def _put_back_statement(table: Table) -> Any:
    seconds = func.least(func.power(2, table.c.attempts), _RETRY_LIMIT_SECONDS)
    return (
        update(table)
        .where(table.c.id == bindparam("row"))
        .values(
            attempts=table.c.attempts + 1,
            last_error=bindparam("error"),
            not_before=func.clock_timestamp() + seconds * text("interval '1 second'"),
        )
    )


def message_of(row: OutboxRow) -> Message:
    """The AMQP message of an outbox row; a header ``correlation_id`` becomes the property of that name."""
    headers = orjson.loads(row.headers)
    correlation_id = headers.pop(CORRELATION_ID, None)
    if row.traceparent:
        headers[TRACEPARENT] = row.traceparent
    properties = pika.BasicProperties(
        message_id=row.message_id,
        content_type=row.content_type,
        timestamp=row.seconds,
        delivery_mode=pika.DeliveryMode.Persistent.value,
        headers=headers or None,
        correlation_id=correlation_id,
    )
    return Message(row.exchange, row.routing_key, bytes(row.body), properties, row.mandatory)
