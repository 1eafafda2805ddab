"""The outbox as the relay sees it: which rows may go, what a row becomes on the wire, how one is put back."""

from __future__ import annotations

from typing import Any

import pika
from sqlalchemy import Table, bindparam, exists, func, select, text, update

from chassis.headers import TRACEPARENT
from chassis.link import Message

_RETRY_LIMIT_SECONDS = 60


def claim_statement(table: Table, window: int) -> Any:
    """The oldest rows that may go: not waiting for another try, and not behind a row of the same key that is."""
    earlier = table.alias("earlier")
    behind = exists().where(
        earlier.c.order_key == table.c.order_key, earlier.c.id < table.c.id, earlier.c.not_before.is_not(None)
    )
    # (select clock_timestamp()) is evaluated once; the bare call is volatile and would be once a row.
    now = select(func.clock_timestamp()).scalar_subquery()
    return (
        select(table)
        .where((table.c.not_before.is_(None)) | (table.c.not_before <= now), ~behind)
        .order_by(table.c.id)
        .limit(window)
        .with_for_update(skip_locked=True, of=table)
    )


def put_back_statement(table: Table) -> Any:
    """Counts a failed try (parameters ``row``, ``error``); the next one after 1, 2, 4 … 60 seconds."""
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


def message_of(row: Any) -> Message:
    """The AMQP message of an outbox row; a header ``correlation_id`` becomes the property of that name."""
    headers = dict(row.headers or {})
    correlation_id = headers.pop("correlation_id", None)
    if row.traceparent:
        headers[TRACEPARENT] = row.traceparent
    properties = pika.BasicProperties(
        message_id=str(row.message_id),
        content_type=row.content_type,
        timestamp=int(row.created_at.timestamp()),
        delivery_mode=pika.DeliveryMode.Persistent.value,
        headers=headers or None,
        correlation_id=correlation_id,
    )
    return Message(row.exchange, row.routing_key, bytes(row.body), properties, row.mandatory)
