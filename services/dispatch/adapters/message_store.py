"""Messages in and out: which ones were taken before, and the answers to commands that came over AMQP."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Engine

from chassis.database import ChassisTables, in_transaction
from chassis.ids import uuid7
from chassis.inbox import fresh
from chassis.outbox import Outgoing, put
from contracts.names import CONTENT_TYPE_COMMAND

# The default exchange routes to the queue of that name.
_TO_QUEUE = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of one command, for the queue that its sender named."""

    reply_to: str
    correlation_id: str | None
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MessageStore:
    """Inbox and outbox of dispatch."""

    engine: Engine
    tables: ChassisTables

    def fresh(self, connection: Connection, handler: str, ids: Sequence[UUID]) -> set[UUID]:
        """Those of `ids` that this handler has not had."""
        return fresh(connection, self.tables.inbox, handler, ids)

    def send(self, replies: Sequence[Reply]) -> None:
        """Put answers into the outbox. Not mandatory: a sender that has gone wants none."""
        if not replies:
            return
        rows = [
            Outgoing(
                message_id=uuid7(),
                exchange=_TO_QUEUE,
                routing_key=each.reply_to,
                body=orjson.dumps(each.answer),
                order_key=each.reply_to,
                mandatory=False,
                content_type=CONTENT_TYPE_COMMAND,
                headers={} if each.correlation_id is None else {"correlation_id": each.correlation_id},
            )
            for each in replies
        ]
        in_transaction(self.engine, lambda connection: put(connection, self.tables.outbox, rows))
