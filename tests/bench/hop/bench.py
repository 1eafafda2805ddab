"""Event hop: a quorum queue, a handler that inserts a row, another quorum queue. How many events a second pass?

Every side gets the same events into its queue while its processes are halted (SIGSTOP); the clock runs from SIGCONT to
the last event in the second queue. All: quorum queues, persistent, publisher confirms, PostgreSQL synchronous_commit.
Two processes each (ours: service and sidecar), Celery four workers. What is done for an event differs, to our cost:

- ours: inbox row + row of its own + outbox row in one transaction a batch, relay, row deleted; nothing lost or twice;
- peers: one row and one commit an event, then publish, then ack (a crash between publishes twice);
- raw: one insert and commit for 500, published pipelined; a crash loses nothing but repeats 500.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from subprocess import Popen
from uuid import uuid4

import orjson
import pika
import sqlalchemy as sa

from chassis.database import QUEUE_STORAGE_SQL, chassis_tables, create_engine
from chassis.link import BrokerLost, Link, Message
from cli.stack import ports
from tests.bench.bed import OURS, PEERS, Bed, tree
from tests.bench.hop.names import HOP, OWNER, SINK
from tests.bench.interleaved import RUNS, medians
from tests.bench.results import Result
from tests.support.eventually import eventually

GOAL_PEER, GOAL_RAW = 4.0, 0.5
QUORUM = {"x-queue-type": "quorum"}
LONGEST_SECONDS = 60


@dataclass(frozen=True)
class Side:
    """One system: its processes, its queue, the exchange its events leave by ("" = straight into the sink)."""

    name: str
    python: str
    commands: Sequence[Sequence[str]]
    queue: str
    exchange: str
    events: int
    wrap: Callable[[dict[str, str]], tuple[bytes, pika.BasicProperties]]


def plain(event: dict[str, str]) -> tuple[bytes, pika.BasicProperties]:
    properties = pika.BasicProperties(message_id=event["id"], delivery_mode=2, content_type="application/json")
    properties.content_encoding = "utf-8"
    return orjson.dumps(event), properties


def task(event: dict[str, str]) -> tuple[bytes, pika.BasicProperties]:
    """The same event as a Celery task (its protocol 2)."""
    body, properties = plain(event)
    named = event["id"]
    properties.correlation_id = named
    properties.headers = {"lang": "py", "task": "hop", "id": named, "root_id": named, "parent_id": None, "group": None}
    return b'[[%b], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]' % body, properties


CELERY = ["-m", "celery", "-A", "tests.bench.peers.celery_hop", "worker", "-P", "prefork", "-c", "4", "-l", "warning"]
SIDES = (
    Side(
        "ours",
        OURS,
        [["-m", "tests.bench.hop.service"], ["-m", "tests.bench.hop.sidecar"]],
        HOP.queue,
        f"{OWNER}.events",
        5000,
        plain,
    ),
    Side(
        "nameko",
        PEERS,
        [["-m", "tests.bench.peers.nameko_hop"]] * 2,
        "evt-source-was--hop.on_event",
        "hop.events",
        500,
        plain,
    ),
    Side(
        "FastStream + asyncpg",
        PEERS,
        [["-m", "tests.bench.peers.faststream_hop"]] * 2,
        "faststream.in",
        "",
        1000,
        plain,
    ),
    Side("Celery + SQLAlchemy", PEERS, [CELERY], "celery.in", "", 500, task),
    Side("raw", OURS, [["-m", "tests.bench.hop.raw"]], "raw.in", "", 5000, plain),
)


class Running:
    """A side that is up: its own vhost and database, its processes waiting for events."""

    def __init__(self, bed: Bed, side: Side) -> None:
        self.side = side
        self.broker = bed.vhost()
        self.link = Link(self.broker, name="bench", heartbeat=600).open()
        self.link.call("queue_declare", SINK, durable=True, arguments=QUORUM)
        if side.name == "raw":
            self.link.call("queue_declare", side.queue, durable=True, arguments=QUORUM)
        environment = {"AMQP_URL": self.broker, "DATABASE_URL": made_database(bed)}
        chosen = ports.choose(["service", "sidecar", "relay"], seed=self.broker)
        self.children: list[Popen[bytes]] = []
        for number, command in enumerate(side.commands):
            own = {"WANGGE_HEALTH_PORT": str(chosen[("service", "sidecar")[number]])}
            own["WANGGE_RELAY_PORT"] = str(chosen["relay"])
            log = f"hop-{side.name.split()[0].lower()}-{number}"
            self.children.append(bed.start(side.python, command, {**environment, **own}, name=log))

    def wait(self) -> None:
        """Until its queue has a consumer, and its events a way into the sink."""
        eventually(self._consumed, within=40, every=0.2)
        if self.side.exchange:
            self.link.call("queue_bind", SINK, self.side.exchange, "#")

    def run(self) -> float:
        """Events a second."""
        events = [
            self.side.wrap({"id": str(uuid4()), "grid": "999999001001", "text": "x" * 200})
            for _ in range(self.side.events)
        ]
        self._signal(signal.SIGSTOP)
        messages = [Message("", self.side.queue, body, properties) for body, properties in events]
        assert not any(self.link.publish_all(messages, 30))
        begin = time.perf_counter()
        self._signal(signal.SIGCONT)
        while self._arrived() < self.side.events:
            seconds = time.perf_counter() - begin
            assert seconds < LONGEST_SECONDS, f"{self.side.name}: {self._arrived()} of {self.side.events}"
            self.link.step(0.01)
        seconds = time.perf_counter() - begin
        assert self.link.call("queue_purge", SINK).message_count == self.side.events
        return self.side.events / seconds

    def _arrived(self) -> int:
        return int(self.link.call("queue_declare", SINK, passive=True).message_count)

    def _consumed(self) -> bool:
        assert all(child.poll() is None for child in self.children), f"{self.side.name} ended; see .run/bench/logs"
        try:
            with Link(self.broker, name="look") as link:
                declared = link.call("queue_declare", self.side.queue, passive=True)
        except BrokerLost:
            return False
        return bool(declared.consumer_count)

    def _signal(self, what: signal.Signals) -> None:
        for child in self.children:
            for process in tree(child):
                os.kill(process.pid, what)


def made_database(bed: Bed) -> str:
    url = bed.database("hop")
    engine = create_engine(url, name="bench", relay_port=0)
    metadata = sa.MetaData()
    chassis_tables(metadata)
    sa.Table("seen", metadata, sa.Column("message_id", sa.Uuid, primary_key=True))
    metadata.create_all(engine)
    with engine.begin() as connection:
        for statement in QUEUE_STORAGE_SQL:
            connection.execute(sa.text(statement))
    engine.dispose()
    return url


def run(bed: Bed) -> list[Result]:
    running = [Running(bed, side) for side in SIDES]
    for each in running:
        each.wait()
    rates = medians({each.side.name: each.run for each in running})
    for each in running:
        each.link.close()
    ours, raw = rates.pop("ours"), rates.pop("raw")
    best = max(rates.values())
    note = (
        f"medians of {RUNS} interleaved runs of {', '.join(f'{s.events} ({s.name})' for s in SIDES)} events; ours"
        " commits a batch (≤ 500), with inbox and outbox; peers commit an event and have neither"
    )
    return [
        Result(
            "event hop: best peer",
            "events/s",
            ours,
            f"≥ {GOAL_PEER:g}× best peer",
            ours >= GOAL_PEER * best,
            rates,
            raw,
            round(ours / best, 2),
            note,
        ),
        Result(
            "event hop: raw limit",
            "events/s",
            ours,
            f"≥ {GOAL_RAW:g}× raw",
            ours >= GOAL_RAW * raw,
            rates,
            raw,
            round(ours / raw, 2),
            note,
        ),
    ]
