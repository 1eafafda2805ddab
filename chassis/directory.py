"""Which dead queues exist on this broker: AMQP itself cannot list queues.

One classic queue holds one message, a JSON list of names. A writer takes it, adds its own names,
publishes the union and only then acknowledges what it took; two writers at once leave two
messages, which readers unite and the next writer merges. So nothing but an AMQP URL is needed
to find every dead letter, with no management plugin and no list of services.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson
import pika

from chassis.link import BrokerLost, Link, Message

DIRECTORY = "wangge.dead-queues"
_CONFIRM_SECONDS = 10.0


def register(link: Link, queues: Iterable[str]) -> None:
    """Add ``queues`` to the directory; nothing is written when all are known already."""
    wanted = set(queues)
    if not wanted:
        return
    known, tags = _take(link)
    if len(tags) == 1 and wanted <= known:
        link.reject(tags[0], requeue=True)
        return
    _publish(link, known | wanted)
    for tag in tags:
        link.ack(tag)


def registered(link: Link) -> list[str]:
    """Every dead queue that was ever declared, by name."""
    known, tags = _take(link)
    for tag in tags:
        link.reject(tag, requeue=True)
    return sorted(known)


def _take(link: Link) -> tuple[set[str], list[int]]:
    link.call("queue_declare", DIRECTORY, durable=True)
    known: set[str] = set()
    tags: list[int] = []
    while (got := link.get(DIRECTORY)) is not None:
        method, _, body = got
        tags.append(method.delivery_tag)
        known.update(orjson.loads(body))
    return known, tags


def _publish(link: Link, names: set[str]) -> None:
    properties = pika.BasicProperties(delivery_mode=2, content_type="application/json")
    message = Message("", DIRECTORY, orjson.dumps(sorted(names)), properties)
    [error] = link.publish_all([message], _CONFIRM_SECONDS)
    if error is not None:
        raise BrokerLost(f"the directory of dead queues was not written: {error}")
