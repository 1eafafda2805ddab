"""A fresh vhost and database for each test, and the sample service and sidecar as real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import pika
import pytest
import sqlalchemy as sa

from chassis import topology
from chassis.database import ChassisTables, chassis_tables, create_engine
from chassis.link import BrokerRefused, Link, Message
from chassis.topology import Subscription
from tests.support.eventually import eventually

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
Start = Callable[..., "Process"]
OWNER = "sample"
COUNTS = Subscription("sample", "counts", (("sample.events", "sample.#"),), retry_seconds=(1,), max_attempts=3)
SCHEMA = (
    """CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, handler text, message_id uuid, key text, number int,
    batch int, routing_key text, attempt int, traceparent text)""",
    "CREATE TABLE attempt (message_id uuid)",
    "CREATE TABLE fate (died bool)",
    "INSERT INTO fate VALUES (false)",
)


@dataclass
class Store:
    """A database with the chassis's tables and those of the sample service."""

    url: str
    engine: sa.Engine
    tables: ChassisTables

    def rows(self, sql: str, **parameters) -> list[sa.Row]:
        with self.engine.begin() as connection:
            return list(connection.execute(sa.text(sql), parameters).all())

    def run(self, sql: str, **parameters) -> int:
        with self.engine.begin() as connection:
            return connection.execute(sa.text(sql), parameters).rowcount

    def count(self, table: str) -> int:
        return self.rows(f"SELECT count(*) FROM {table}")[0][0]

    def effects(self) -> dict[str, int]:
        """How often each message took effect."""
        return {str(row[0]): row[1] for row in self.rows("SELECT message_id, count(*) FROM effect GROUP BY 1")}


@dataclass
class Process:
    """A program of this folder."""

    child: subprocess.Popen[bytes]
    health_port: int
    log: Path

    def ready(self) -> bool:
        return self.get("/ready")[0] == 200

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def until_ready(self, within: float = 30) -> Process:
        def ready_or_dead() -> bool:
            if self.child.poll() is not None:
                pytest.fail(f"the program ended: {self.log.read_text()[-3000:]}")
            return self.ready()

        eventually(ready_or_dead, within)
        return self

    def kill(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        self.child.wait(10)

    def terminate(self, within: float = 20) -> int:
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(within)


@dataclass
class Broker:
    """The vhost of one test."""

    url: str
    links: list[Link] = field(default_factory=list)

    def publish(
        self,
        orders: list[dict],
        *,
        exchange: str = "sample.events",
        routing_key: str = "sample.counted.v1",
        headers: dict | None = None,
    ) -> list[UUID]:
        ids = [uuid4() for _ in orders]
        messages = [
            Message(
                exchange,
                routing_key,
                orjson.dumps(order),
                pika.BasicProperties(
                    message_id=str(each), delivery_mode=2, content_type="application/json", headers=headers
                ),
            )
            for each, order in zip(ids, orders, strict=True)
        ]
        self.publish_raw(messages)
        return ids

    def publish_raw(self, messages: list[Message]) -> None:
        with Link(self.url, name="test") as link:
            assert link.publish_all(messages, 10) == [None] * len(messages)

    def depth(self, queue: str) -> int | None:
        """Messages ready in a queue; None when there is no such queue."""
        try:
            with Link(self.url, name="test") as link:
                return link.call("queue_declare", queue, passive=True).message_count
        except BrokerRefused:
            return None

    def drain(self, queue: str, number: int, within: float = 10) -> list[tuple]:
        """Consume ``number`` messages as (method, properties, body)."""
        got: list[tuple] = []
        with Link(self.url, name="test") as link:
            link.consume(queue, 500, lambda _channel, *parts: got.append(parts))
            until = time.monotonic() + within
            while len(got) < number:
                assert time.monotonic() < until, f"{len(got)} of {number} messages in {queue}"
                arrived = len(got)
                link.step(0.1)
                if len(got) > arrived:
                    link.ack(got[-1][0].delivery_tag, multiple=True)
        return got

    def ids(self, queue: str, number: int, within: float = 20) -> set[str]:
        """Consume until ``number`` different message ids have come; some may come twice."""
        found: set[str] = set()
        until = time.monotonic() + within
        while len(found) < number:
            assert time.monotonic() < until, f"{len(found)} of {number} messages in {queue}"
            found |= {properties.message_id for _, properties, _ in self.drain(queue, number - len(found), within)}
        return found


@dataclass
class Answering:
    """A service that is up, and where it listens."""

    service: Process
    broker: Broker


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def made_store(new_database) -> Iterator[Store]:
    url = new_database("c2_sample")
    metadata = sa.MetaData()
    tables = chassis_tables(metadata)
    engine = create_engine(url, name="test", relay_port=0)
    metadata.create_all(engine)
    made = Store(url, engine, tables)
    for statement in SCHEMA:
        made.run(statement)
    yield made
    engine.dispose()


def made_broker(new_vhost) -> Broker:
    made = Broker(new_vhost())
    topology.declare(made.url, [OWNER], [COUNTS])
    return made


@contextmanager
def starting(logs: Path) -> Iterator[Start]:
    """`start("sample_service.py", store, amqp_url)` runs a program of this folder; it ends with the block."""
    running: list[Process] = []

    def run(program: str, store: Store, amqp_url: str, **environ: str) -> Process:
        port = free_port()
        log = logs / f"{program}.{len(running)}.log"
        environment = (
            os.environ
            | {
                "PYTHONPATH": str(ROOT),
                "DATABASE_URL": store.url,
                "AMQP_URL": amqp_url,
                "WANGGE_HEALTH_PORT": str(port),
                "PYTHONWARNINGS": "ignore",
            }
            | environ
        )
        with log.open("wb") as output:
            child = subprocess.Popen(
                [sys.executable, str(HERE / program)], env=environment, cwd=ROOT, stdout=output, stderr=output
            )
        running.append(Process(child, port, log))
        return running[-1]

    yield run
    for process in running:
        if process.child.poll() is None:
            process.child.kill()
        process.child.wait(10)


@pytest.fixture
def store(new_database) -> Iterator[Store]:
    with made_store(new_database) as made:
        yield made


@pytest.fixture
def broker(new_vhost) -> Broker:
    return made_broker(new_vhost)


@pytest.fixture
def start(tmp_path) -> Iterator[Start]:
    with starting(tmp_path) as run:
        yield run


@pytest.fixture(scope="module")
def answering(new_database, new_vhost, tmp_path_factory) -> Iterator[Answering]:
    """One service for all tests of a module that only call it and leave it running."""
    with made_store(new_database) as store, starting(tmp_path_factory.mktemp("answering")) as run:
        broker = made_broker(new_vhost)
        yield Answering(run("sample_service.py", store, broker.url).until_ready(), broker)


@pytest.fixture
def service(start, store, broker) -> Process:
    return start("sample_service.py", store, broker.url).until_ready()
