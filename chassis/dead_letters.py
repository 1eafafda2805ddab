"""Dead letters, for a person to look at, replay or drop; what ``wangge dead-letters`` stands on.

Looking takes messages without acknowledging and closes the connection, whereupon the broker puts
them back in their place. Replaying publishes to the main queue with a confirm before it
acknowledges, so a crash in between leaves a message in both, and the inbox takes one effect.
"""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chassis import directory
from chassis.headers import ATTEMPT, DEAD_AT, ERROR, EXCHANGE, HANDLER, ROUTING_KEY
from chassis.link import BrokerLost, BrokerRefused, Link, Message

DEAD_SUFFIX = ".dead"
_CONFIRM_SECONDS = 10.0
_PUT_BACK_SECONDS = 2.0
_NOT_REPLAYED = (ATTEMPT, ERROR, HANDLER, DEAD_AT, "x-death", "x-delivery-count", "x-acquired-count")
_NOT_FOUND = 404


class NoSuchDeadLetter(Exception):
    """No message with that key is in the queue, or somebody else is looking at it just now."""


class NotReplayed(Exception):
    """The main queue did not take the message; it is still dead, nothing is lost."""


@dataclass(frozen=True, slots=True)
class DeadQueue:
    """A dead queue and how many messages wait in it for a person."""

    queue: str
    messages: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead message. ``key`` names it within its queue: its message id, or a digest of its body if it has none."""

    key: str
    queue: str
    message_id: str | None
    exchange: str
    routing_key: str
    handler: str | None
    error: str
    attempt: int
    dead_at: str | None
    content_type: str | None
    headers: Mapping[str, Any]
    body: bytes

    @property
    def original_queue(self) -> str:
        return self.queue.removesuffix(DEAD_SUFFIX)


def list_queues(amqp_url: str) -> list[DeadQueue]:
    """Every dead queue this broker knows of, empty ones too, by name."""
    with _link(amqp_url) as link:
        names = directory.registered(link)
    return [DeadQueue(queue, count) for queue in names if (count := _count(amqp_url, queue)) is not None]


def list_messages(amqp_url: str, queue: str, limit: int = 100) -> list[DeadLetter]:
    """The oldest ``limit`` messages of a dead queue, left where they are."""
    found: list[DeadLetter] = []
    with _link(amqp_url) as link:
        for letter, _, _ in _taken(link, queue, limit):
            found.append(letter)
    return found


def show(amqp_url: str, queue: str, key: str) -> DeadLetter:
    """One message, left where it is. Raises NoSuchDeadLetter."""
    with _link(amqp_url) as link:
        letter, _, _ = _find(link, queue, key)
    return letter


def replay(amqp_url: str, queue: str, key: str | None = None) -> list[DeadLetter]:
    """Give one message, or with no key all that are there now, back to the main queue as a first attempt.

    Raises NoSuchDeadLetter, or NotReplayed when the main queue does not take one.
    """
    with _link(amqp_url) as link:
        chosen = _taken(link, queue) if key is None else iter([_find(link, queue, key)])
        return [_replay_one(link, *each) for each in chosen]


def drop(amqp_url: str, queue: str, key: str) -> DeadLetter:
    """Delete one message for good and return it. Raises NoSuchDeadLetter."""
    with _link(amqp_url) as link:
        letter, method, _ = _find(link, queue, key)
        link.ack(method.delivery_tag)
        # An acknowledgement has no answer; one that is answered behind it on the same channel proves it arrived.
        link.call("basic_qos", prefetch_count=0)
    return letter


def _link(amqp_url: str) -> Link:
    return Link(amqp_url, name="wangge dead letters")


def _count(amqp_url: str, queue: str) -> int | None:
    """Messages in the queue; None when it was deleted (which closes the channel, hence a link for each)."""
    try:
        with _link(amqp_url) as link:
            count: int = link.call("queue_declare", queue, passive=True).message_count
            return count
    except BrokerRefused as refused:
        if refused.code != _NOT_FOUND:
            raise
        return None


def _taken(link: Link, queue: str, limit: int | None = None) -> Iterator[tuple[DeadLetter, Any, Any]]:
    """Take messages one by one, no more than are there at the start: new ones may die meanwhile."""
    if not queue.endswith(DEAD_SUFFIX):
        raise NoSuchDeadLetter(f"{queue} is not a dead queue: its name does not end in {DEAD_SUFFIX}")
    there = link.call("queue_declare", queue, passive=True).message_count
    for _ in range(there if limit is None else min(limit, there)):
        got = link.get(queue)
        if got is None:
            return
        method, properties, body = got
        yield _letter(queue, properties, body), method, properties


def _find(link: Link, queue: str, key: str) -> tuple[DeadLetter, Any, Any]:
    # What somebody has just looked at is put back when the broker gets to it: whoever looks and then acts is not told
    # that there is nothing.
    given_up = time.monotonic() + _PUT_BACK_SECONDS
    while True:
        for letter, method, properties in _taken(link, queue):
            if letter.key == key:
                return letter, method, properties
        if time.monotonic() > given_up:
            raise NoSuchDeadLetter(f"{queue} has no message {key}")
        time.sleep(0.05)


def _replay_one(link: Link, letter: DeadLetter, method: Any, properties: Any) -> DeadLetter:
    fresh = copy.copy(properties)
    fresh.headers = {
        header: value
        for header, value in letter.headers.items()
        if header not in _NOT_REPLAYED and not header.startswith(("x-first-death-", "x-last-death-"))
    } | {EXCHANGE: letter.exchange, ROUTING_KEY: letter.routing_key}
    [error] = link.publish_all([Message("", letter.original_queue, letter.body, fresh)], _CONFIRM_SECONDS)
    if error is not None:
        raise NotReplayed(f"{letter.original_queue} did not take {letter.key}: {error}")
    link.ack(method.delivery_tag)
    return letter


def _letter(queue: str, properties: Any, body: bytes) -> DeadLetter:
    headers = dict(properties.headers or {})
    # Buried by the broker itself: only its own header knows where the message came from, and why it died.
    death: dict[str, Any] = next(iter(headers.get("x-death") or []), {})
    routing_keys = death.get("routing-keys") or [""]
    return DeadLetter(
        key=properties.message_id or f"body-{hashlib.sha256(body).hexdigest()[:16]}",
        queue=queue,
        message_id=properties.message_id,
        exchange=str(headers.get(EXCHANGE, death.get("exchange", ""))),
        routing_key=str(headers.get(ROUTING_KEY, routing_keys[0])),
        handler=headers.get(HANDLER),
        error=str(headers.get(ERROR) or f"broker: {death.get('reason', 'unknown')}"),
        attempt=int(headers.get(ATTEMPT, 1)),
        dead_at=headers.get(DEAD_AT) or (str(death["time"]) if "time" in death else None),
        content_type=properties.content_type,
        headers=headers,
        body=body,
    )


__all__ = [
    "BrokerLost",
    "DeadLetter",
    "DeadQueue",
    "NoSuchDeadLetter",
    "NotReplayed",
    "drop",
    "list_messages",
    "list_queues",
    "replay",
    "show",
]
