"""How many events a second one service passes on: quorum queue, one transaction a batch, outbox, quorum queue."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import orjson
import pika
import pytest
import sqlalchemy as sa

from chassis import topology
from chassis.database import chassis_tables, create_engine
from chassis.link import Link, Message
from cli.stack import ports
from tests.bench.hop import HOP, OWNER, SINK, SOURCE
from tests.support.eventually import eventually

pytestmark = [pytest.mark.bench, pytest.mark.timeout(180)]
EVENTS = 20_000
FLOOR = 1_000  # a second: far below what two quiet cores do, far above what stock consumers and one-by-one confirms do


@pytest.fixture
def urls(new_database, new_vhost) -> dict[str, str]:
    url = new_database("hop")
    engine = create_engine(url, name="bench", relay_port=0)
    metadata = sa.MetaData()
    chassis_tables(metadata)
    sa.Table("seen", metadata, sa.Column("message_id", sa.Uuid, primary_key=True))
    metadata.create_all(engine)
    engine.dispose()
    return {"DATABASE_URL": url, "AMQP_URL": new_vhost()}


@pytest.fixture
def running(urls, tmp_path) -> Iterator[dict[str, str]]:
    chosen = ports.choose(["hop_service", "hop_sidecar", "relay"], seed=str(tmp_path))
    children = []
    for module in ("hop_service", "hop_sidecar"):
        own = {"WANGGE_HEALTH_PORT": str(chosen[module]), "WANGGE_RELAY_PORT": str(chosen["relay"])}
        environment = {**os.environ, **urls, **own, "PYTHONWARNINGS": "ignore"}
        with (tmp_path / f"{module}.log").open("wb") as log:
            command = [sys.executable, "-m", f"tests.bench.{module}"]
            root = Path(__file__).parents[2]
            children.append(subprocess.Popen(command, env=environment, cwd=root, stdout=log, stderr=log))
    try:
        for module in ("hop_service", "hop_sidecar"):
            eventually(lambda port=chosen[module]: answers(f"http://127.0.0.1:{port}/ready"), within=60)
        yield urls
    finally:
        for child in children:
            child.terminate()
            child.wait(30)


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def publish(url: str, number: int) -> None:
    properties = [pika.BasicProperties(message_id=str(uuid4()), delivery_mode=2) for _ in range(number)]
    body = orjson.dumps({"state": "assigned", "grid": "999999001001001001", "text": "x" * 200})
    with Link(url, name="bench") as link:
        sent = link.publish_all([Message(f"{SOURCE}.events", "source.was.v1", body, each) for each in properties], 60)
    assert sent == [None] * number


def test_events_through_one_service(running: dict[str, str]) -> None:
    topology.declare(running["AMQP_URL"], [SOURCE, OWNER], [HOP, SINK])
    publish(running["AMQP_URL"], 500)  # warm
    with Link(running["AMQP_URL"], name="bench sink") as sink:
        got: list[str] = []
        sink.consume(SINK.queue, 2000, lambda _channel, method, _properties, _body: got.append(method.delivery_tag))
        take(sink, got, 500)
        begin = time.perf_counter()
        publish(running["AMQP_URL"], EVENTS)
        take(sink, got, 500 + EVENTS)
        seconds = time.perf_counter() - begin
    print(f"\n  event hop: {EVENTS / seconds:,.0f} events/s ({EVENTS} events in {seconds:.2f} s, publishing included)")
    assert EVENTS / seconds > FLOOR


def take(sink: Link, got: list[str], number: int) -> None:
    until = time.monotonic() + 100
    while len(got) < number:
        assert time.monotonic() < until, f"{len(got)} of {number} came through"
        before = len(got)
        sink.step(0.1)
        if len(got) > before:
            sink.ack(got[-1], multiple=True)
