"""The outbox: messages written in the transaction of the change they tell of; the relay publishes them.

Nothing is published after a commit by hope: the nudge only saves the relay its next poll.
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Table

from chassis import metrics
from chassis.database import RELAY_PORT, after_commit
from chassis.script import Executes
from chassis.tracing import current_traceparent

CLOUDEVENT = "application/cloudevents+json"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send. Messages of one ``order_key`` (the aggregate's id) leave in the order they were put.

    ``traceparent``: what caused it, where that is not the span that is open when it is put.
    """

    message_id: UUID
    exchange: str
    routing_key: str
    body: bytes
    order_key: str
    mandatory: bool = True
    content_type: str = CLOUDEVENT
    headers: Mapping[str, Any] = field(default_factory=dict)
    traceparent: str | None = None


def put(connection: Executes, outbox_table: Table, rows: Sequence[Outgoing]) -> None:
    """Writes messages to the outbox in this transaction, in one statement, with the trace context that is open here.

    After the commit (of ``database.in_transaction``) the service's relay is nudged.
    """
    if not rows:
        return
    trace = current_traceparent()
    connection.exec_driver_sql(
        _insert_sql(outbox_table.fullname),
        (
            [str(row.message_id) for row in rows],
            [row.exchange for row in rows],
            [row.routing_key for row in rows],
            [row.order_key for row in rows],
            [row.body for row in rows],
            [row.content_type for row in rows],
            [orjson.dumps(row.headers).decode() for row in rows],
            [row.mandatory for row in rows],
            [row.traceparent or trace for row in rows],
        ),
    )
    metrics.OUTBOX_PUT.inc(len(rows))
    if port := connection.info.get(RELAY_PORT):
        after_commit(connection, "outbox", partial(nudge, port))


@cache
def _insert_sql(table: str) -> str:
    # Arrays instead of 500 VALUES lists: one short statement to parse. unnest keeps their order (WITH ORDINALITY says
    # so), and with it the order of the identity column.
    return (
        f"INSERT INTO {table} (message_id, exchange, routing_key, order_key, body, content_type, headers, mandatory,"
        " traceparent) SELECT m, e, r, o, b, c, h, y, t FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[],"
        " %s::bytea[], %s::text[], %s::jsonb[], %s::boolean[], %s::text[]) WITH ORDINALITY"
        " AS put(m, e, r, o, b, c, h, y, t, place)"
        " ORDER BY place"
    )


@cache
def _nudge_socket() -> socket.socket:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setblocking(False)
    return sender


def nudge(port: int, payload: bytes = b"outbox") -> None:
    """One datagram to the sidecar of this service on loopback: look now. May be lost; the sidecar polls anyway."""
    try:
        _nudge_socket().sendto(payload, ("127.0.0.1", port))
    except OSError:
        # Nobody listens or the buffer is full: both mean that the next poll does it.
        return
