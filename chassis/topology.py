"""Exchanges, queues and the stream: who declares what, with which arguments and why.

Every argument here means the same on RabbitMQ 3.10 and 4.x. ``x-delivery-limit`` is always sent
because its default differs (none before 4.0, 20 after); ``at-least-once`` dead-lettering only
holds together with ``x-overflow=reject-publish``, otherwise the broker falls back in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chassis import directory
from chassis.link import BrokerRefused, Link

STREAM = "events"
RPC_EXCHANGE = "nameko-rpc"
_PRECONDITION_FAILED = 406
# A person may look at a dead message any number of times; up to 4.2 each look counts as a delivery.
_DEAD_DELIVERY_LIMIT = 1_000_000_000
_MISMATCH = re.compile(
    r"inequivalent arg '(?P<argument>[^']+)' for (?:queue|exchange) '(?P<name>[^']+)'.*?"
    r"received (?P<wanted>.+?) but current is (?P<found>.+)",
    re.DOTALL,
)


class TopologyMismatch(Exception):
    """A queue or exchange exists with another argument; a person has to decide, nothing was changed."""

    def __init__(self, name: str, argument: str, wanted: str, found: str) -> None:
        super().__init__(f"{name}: {argument} should be {wanted} but is {found} on the broker")
        self.name = name
        self.argument = argument
        self.wanted = wanted
        self.found = found


@dataclass(frozen=True, slots=True)
class Subscription:
    """One consumer's durable interest: a main queue, its retry steps and its dead queue.

    ``delivery_limit`` is the broker's own guard: how often a message may come back because the
    process died or lost its connection. ``max_attempts`` counts failures of the handler itself.
    """

    consumer: str
    purpose: str
    bindings: tuple[tuple[str, str], ...]
    delivery_limit: int = 20
    retry_seconds: tuple[int, ...] = (1, 10, 60)
    max_attempts: int = 5

    @property
    def queue(self) -> str:
        return f"{self.consumer}.{self.purpose}"

    @property
    def dead(self) -> str:
        return f"{self.queue}.dead"

    @property
    def retry_queues(self) -> tuple[str, ...]:
        return tuple(f"{self.queue}.retry.{seconds}s" for seconds in self.retry_seconds)

    def retry_queue(self, attempt: int) -> str:
        """The queue in which a message waits after its ``attempt``-th failure (the last step repeats)."""
        return self.retry_queues[min(attempt, len(self.retry_seconds)) - 1]


def events_exchange(owner: str) -> str:
    """Where the owner's facts are published; the routing key is the event's type."""
    return f"{owner}.events"


def commands_exchange(owner: str) -> str:
    """Where the owner takes commands over AMQP; the routing key is the command's name."""
    return f"{owner}.commands"


def queue_arguments(subscription: Subscription) -> Mapping[str, Mapping[str, Any]]:
    """Every queue of a subscription with its arguments; the dead queue first, as others point at it."""
    queues = {subscription.dead: _quorum(_DEAD_DELIVERY_LIMIT)}
    queues[subscription.queue] = _dead_lettering(subscription.delivery_limit, subscription.dead)
    for queue, seconds in zip(subscription.retry_queues, subscription.retry_seconds, strict=True):
        queues[queue] = {
            **_dead_lettering(subscription.delivery_limit, subscription.queue),
            "x-message-ttl": seconds * 1000,
        }
    return queues


def stream_arguments(*, max_bytes: int, max_age: str, segment_bytes: int) -> Mapping[str, Any]:
    """The stream's arguments; ``max_age`` as RabbitMQ writes it (``7D``, ``12h``)."""
    return {
        "x-queue-type": "stream",
        "x-max-length-bytes": max_bytes,
        "x-max-age": max_age,
        "x-stream-max-segment-size-bytes": segment_bytes,
    }


def declare(broker: str | Link, owners: Iterable[str], subscriptions: Sequence[Subscription] = ()) -> None:
    """Declare the owners' exchanges and the subscriptions' queues and bindings. Idempotent.

    Raises TopologyMismatch when something exists with other arguments, BrokerLost when away.
    """
    with _link(broker) as link:
        exchanges = [make(owner) for owner in owners for make in (events_exchange, commands_exchange)]
        exchanges += [exchange for each in subscriptions for exchange, _ in each.bindings]
        for exchange in dict.fromkeys(exchanges):
            _declare_exchange(link, exchange)
        for subscription in subscriptions:
            for queue, arguments in queue_arguments(subscription).items():
                _declare_queue(link, queue, arguments)
            for exchange, pattern in subscription.bindings:
                link.call("queue_bind", subscription.queue, exchange, pattern)
        directory.register(link, [each.dead for each in subscriptions])


def declare_stream(
    broker: str | Link,
    owners: Iterable[str],
    *,
    max_bytes: int = 2_000_000_000,
    max_age: str = "7D",
    segment_bytes: int = 50_000_000,
) -> None:
    """Declare the stream ``events`` and bind it to everything the owners publish. Idempotent.

    Retention is judged a whole segment at a time, so the segment is small against ``max_bytes``.
    """
    arguments = stream_arguments(max_bytes=max_bytes, max_age=max_age, segment_bytes=segment_bytes)
    with _link(broker) as link:
        _declare_queue(link, STREAM, arguments)
        for owner in owners:
            _declare_exchange(link, events_exchange(owner))
            link.call("queue_bind", STREAM, events_exchange(owner), "#")


def _quorum(delivery_limit: int) -> dict[str, Any]:
    return {"x-queue-type": "quorum", "x-delivery-limit": delivery_limit, "x-overflow": "reject-publish"}


def _dead_lettering(delivery_limit: int, target: str) -> dict[str, Any]:
    return {
        **_quorum(delivery_limit),
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": target,
        "x-dead-letter-strategy": "at-least-once",
    }


def _declare_exchange(link: Link, exchange: str) -> None:
    with _mismatch_named():
        link.call("exchange_declare", exchange, exchange_type="topic", durable=True)


def _declare_queue(link: Link, queue: str, arguments: Mapping[str, Any]) -> None:
    with _mismatch_named():
        link.call("queue_declare", queue, durable=True, arguments=dict(arguments))


@contextmanager
def _mismatch_named() -> Iterator[None]:
    try:
        yield
    except BrokerRefused as refused:
        found = _MISMATCH.search(refused.text)
        if refused.code != _PRECONDITION_FAILED or found is None:
            raise
        raise TopologyMismatch(found["name"], found["argument"], found["wanted"], found["found"]) from refused


@contextmanager
def _link(broker: str | Link) -> Iterator[Link]:
    if isinstance(broker, Link):
        yield broker
        return
    with Link(broker, name="wangge topology") as link:
        yield link
