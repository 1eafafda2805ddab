"""A message as a handler sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis.headers import ATTEMPT, EXCHANGE, ROUTING_KEY

NO_ID = UUID(int=0)


class Undecodable(Exception):
    """The message cannot be understood at all; it goes to the dead queue with its reason."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message: ``attempt`` counts from 1; ``routing_key`` is the original one, also after a retry."""

    message_id: UUID
    routing_key: str
    body: bytes
    headers: dict[str, Any]
    attempt: int
    reply_to: str | None
    correlation_id: str | None
    exchange: str = ""
    tag: int = 0
    properties: Any = None


def delivery_of(method: Any, properties: Any, body: bytes) -> tuple[Delivery, Undecodable | None]:
    """The delivery of pika's three parts; with the reason when it cannot be handed to a handler."""
    headers = dict(properties.headers or {})
    error = None
    try:
        message_id = UUID(properties.message_id)
    except (TypeError, ValueError, AttributeError):
        message_id, error = NO_ID, Undecodable("message_id is missing or not a UUID")
    attempt = headers.get(ATTEMPT, 1)
    if not isinstance(attempt, int) or attempt < 1:
        attempt, error = 1, Undecodable(f"{ATTEMPT} is not a positive integer")
    delivery = Delivery(
        message_id=message_id,
        # A retry comes back through the default exchange: the original route travels in headers.
        routing_key=str(headers.get(ROUTING_KEY, method.routing_key)),
        body=body,
        headers=headers,
        attempt=attempt,
        reply_to=properties.reply_to,
        correlation_id=properties.correlation_id,
        tag=method.delivery_tag,
        exchange=str(headers.get(EXCHANGE, method.exchange)),
        properties=properties,
    )
    return delivery, error
