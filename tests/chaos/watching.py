"""Two onlookers of what dispatch tells: a reader of the public stream and a queue of our own bound to its events."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pika
import pika.exceptions

from tests.chaos.journal import Journal
from tests.chaos.stack import ChaosStack

WITNESS = "chaos.witness"
REPLIES = "chaos.replies"
SILENCE_SECONDS = 12.0
"""The stream beats once a second: this long without a word and the reader takes the connection for dead."""
QUORUM = {"x-queue-type": "quorum"}


@dataclass
class StreamReader:
    """Reads GET /v1/stream from its beginning; after a loss it resumes with Last-Event-ID, as browsers do."""

    stack: ChaosStack
    journal: Journal
    stopping: threading.Event = field(default_factory=threading.Event)
    last: int = -1
    connections: int = 0

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="stream reader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self._thread.join(timeout=SILENCE_SECONDS + 5)

    def _run(self) -> None:
        with self.stack.new_client(SILENCE_SECONDS) as client:
            while not self.stopping.is_set():
                try:
                    self._read(client)
                except (httpx.HTTPError, ValueError):
                    self.stopping.wait(0.3)

    def _read(self, client: httpx.Client) -> None:
        self.connections += 1
        with client.stream("GET", "/v1/stream", headers={"last-event-id": str(self.last)}) as response:
            response.raise_for_status()
            frame: dict[str, str] = {}
            for line in response.iter_lines():
                if self.stopping.is_set():
                    return
                if line:
                    name, _, value = line.partition(": ")
                    frame[name] = value
                else:
                    self._take(frame)
                    frame = {}

    def _take(self, frame: dict[str, str]) -> None:
        kind = frame.get("event")
        if kind == "gap":
            self.journal.add("gap", connection=self.connections, **json.loads(frame["data"]))
        elif kind not in {None, "heartbeat", "end"}:
            document = json.loads(frame["data"])
            self.journal.add(
                "event", connection=self.connections, offset=int(frame["id"]), id=document.get("id"), type=kind,
                subject=document.get("subject"), sequence=document.get("sequence"), body=registry_body(kind, document),
            )  # fmt: skip
        if "id" in frame:
            self.last = int(frame["id"])


def registry_body(kind: str | None, document: dict[str, Any]) -> dict[str, Any] | None:
    """Kept only for the registry's events: they are what is sent again, doubled and out of order."""
    return document if (kind or "").startswith("wangge.registry.") else None


@dataclass
class Witness:
    """Consumes a durable queue bound to all of dispatch's events, and one that the answers to AMQP commands go to."""

    stack: ChaosStack
    journal: Journal
    stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        with pika.BlockingConnection(pika.URLParameters(self.stack.broker_url)) as connection:
            channel = connection.channel()
            for queue in (WITNESS, REPLIES):
                channel.queue_declare(queue, durable=True, arguments=QUORUM)
            channel.queue_bind(WITNESS, "dispatch.events", "#")
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self._consume()
            except (pika.exceptions.AMQPError, OSError):
                self.stopping.wait(0.5)

    def _consume(self) -> None:
        parameters = pika.URLParameters(self.stack.broker_url)
        parameters.socket_timeout = parameters.stack_timeout = 5
        parameters.heartbeat = 10
        with pika.BlockingConnection(parameters) as connection:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=200)
            channel.basic_consume(WITNESS, self._event)
            channel.basic_consume(REPLIES, self._reply)
            while not self.stopping.is_set():
                connection.process_data_events(time_limit=0.5)

    def _event(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        document = json.loads(body)
        self.journal.add(
            "witness", id=properties.message_id, subject=document["subject"], sequence=document["sequence"],
            type=document["type"], redelivered=method.redelivered,
        )  # fmt: skip
        channel.basic_ack(method.delivery_tag)

    def _reply(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self.journal.add("reply", correlation=properties.correlation_id, answer=json.loads(body))
        channel.basic_ack(method.delivery_tag)


def ids(entries: Iterable[dict[str, Any]]) -> set[str]:
    """Message ids of journal entries."""
    return {entry["id"] for entry in entries}
