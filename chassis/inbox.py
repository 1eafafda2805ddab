"""The inbox: which messages a handler has already taken, so that a redelivery has no second effect."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Table
from sqlalchemy.engine import Connection

KEPT = timedelta(days=7)
"""How long a message is remembered: longer than any redelivery or replay from a dead-letter queue is expected."""


def fresh(connection: Connection, inbox_table: Table, handler: str, ids: Sequence[UUID]) -> set[UUID]:
    """Marks messages as taken by ``handler`` in this transaction and returns those not seen before.

    A concurrent transaction holding the same message is waited for: if it commits, the message is not fresh here.
    """
    if not ids:
        return set()
    rows = connection.exec_driver_sql(
        f"INSERT INTO {inbox_table.fullname} (handler, message_id) SELECT %s, unnest(%s::uuid[])"
        " ON CONFLICT DO NOTHING RETURNING message_id::text",
        # Sorted: two batches that share messages wait for each other in the same order instead of in a circle.
        (handler, sorted(map(str, ids))),
    )
    return {UUID(text) for (text,) in rows}


def forget(connection: Connection, inbox_table: Table, older_than: timedelta = KEPT, limit: int = 5000) -> int:
    """Deletes up to ``limit`` rows past their time; how many. Call it in short transactions until it returns 0."""
    done = connection.exec_driver_sql(
        f"DELETE FROM {inbox_table.fullname} WHERE (handler, message_id) IN (SELECT handler, message_id FROM"
        f" {inbox_table.fullname} WHERE received_at < (SELECT clock_timestamp()) - %s::interval LIMIT %s"
        " FOR UPDATE SKIP LOCKED)",
        (older_than, limit),
    )
    return done.rowcount
