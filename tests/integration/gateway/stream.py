"""Both ends of the event stream: events into the broker's stream queue, server-sent events out of the gateway."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pika

from chassis.topology import STREAM

KINDS = ("wangge.dispatch.incident.received.v1", "wangge.dispatch.team.moved.v1", "wangge.registry.grid.changed.v1")
SMALL_RING = {"WANGGE_STREAM_RING_EVENTS": "300"}
"""A gateway whose ring holds so little that readers live between ring and broker."""
PLACES = ("330784001", "330784002", "330700001")


def event(number: int) -> dict[str, Any]:
    """A CloudEvent that says its number; kind and place go round."""
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/dispatch",
        "type": KINDS[number % len(KINDS)],
        "subject": str(number),
        "time": "2026-01-02T03:04:05.000000Z",
        "recordedat": "2026-01-02T03:04:05.000000Z",
        "sequence": 1,
        "jurisdiction": PLACES[number % len(PLACES)],
        "data": {"number": number},
    }


class EventSource:
    """Declares the stream queue and writes to it."""

    def __init__(self, url: str, **arguments: Any) -> None:
        self.url = url
        self._arguments = {"x-queue-type": "stream", **arguments}
        self.written = 0

    def declare(self) -> None:
        with self._channel() as channel:
            channel.queue_declare(STREAM, durable=True, arguments=self._arguments)

    def delete(self) -> None:
        """Take the stream away: offsets begin again at 0."""
        with self._channel() as channel:
            channel.queue_delete(STREAM)
        self.written = 0

    def is_routed_to(self) -> bool:
        """Whether the broker brings messages to the stream; one that starts serves connections before."""
        try:
            with self._channel() as channel:
                channel.queue_declare(STREAM, passive=True)
        except pika.exceptions.AMQPError:
            return False
        return True

    def write(self, count: int, padding: int = 0) -> None:
        """Write `count` more events."""
        with self._channel() as channel:
            for _ in range(count):
                body = json.dumps({**event(self.written), "padding": "x" * padding}).encode()
                self._publish(channel, body)
                self.written += 1

    def write_raw(self, body: bytes) -> None:
        """Write something that is no event."""
        with self._channel() as channel:
            self._publish(channel, body)
        self.written += 1

    def _publish(self, channel: Any, body: bytes) -> None:
        properties = pika.BasicProperties(delivery_mode=2)
        channel.basic_publish("", STREAM, body, properties, mandatory=True)

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        try:
            yield connection.channel()
        finally:
            connection.close()


@dataclass
class Message:
    """One server-sent event."""

    kind: str
    id: str | None
    data: dict[str, Any]


@dataclass
class Reader:
    """What one reader has had so far; resumes from the last id as a browser does."""

    client: httpx.Client
    parameters: dict[str, Any] = field(default_factory=dict)
    last_id: str | None = None
    had: list[int] = field(default_factory=list)
    gaps: list[dict[str, Any]] = field(default_factory=list)

    def messages(self) -> Iterator[Message]:
        """One connection, until the other side ends it."""
        headers = {} if self.last_id is None else {"Last-Event-ID": self.last_id}
        with self.client.stream("GET", "/v1/stream", params=self.parameters, headers=headers) as response:
            assert response.status_code == 200, response.read()
            assert response.headers["content-type"].startswith("text/event-stream")
            for message in parse(response.iter_lines()):
                self._remember(message)
                yield message

    def read_until(self, count: int) -> None:
        """Read in one connection until `count` events were had in all, or it ends."""
        for _ in self.messages():
            if len(self.had) >= count:
                return

    def _remember(self, message: Message) -> None:
        if message.id is not None:
            self.last_id = message.id
        if message.kind.startswith("wangge."):
            self.had.append(message.data["data"]["number"])
        elif message.kind == "gap":
            self.gaps.append(message.data)


def parse(lines: Iterator[str]) -> Iterator[Message]:
    """Messages of a server-sent event stream (WHATWG HTML, section 9.2.6, what of it we use)."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield Message(fields.get("event", "message"), fields.get("id"), json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}


def first(messages: Iterator[Message], wanted: Callable[[Message], Any]) -> Message:
    """The first message that is wanted, of at most 20,000."""
    for message in itertools.islice(messages, 20_000):
        if wanted(message):
            return message
    raise AssertionError("the message did not come")


def is_heartbeat(message: Message) -> bool:
    """True for the beat of each second."""
    return message.kind == "heartbeat"
