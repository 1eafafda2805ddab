"""A broker that is starting brings events to its queues before it brings them to its stream: the relay waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from uuid import uuid4

import pika
import pytest

from chassis import outbox, relay, topology
from chassis.database import create_engine, in_transaction
from chassis.outbox import Outgoing
from chassis.relay import Relay
from chassis.topology import STREAM, events_exchange
from cli.stack.broker import BrokerNode
from tests.support.eventually import eventually
from tests.support.servers import private_broker

pytestmark = pytest.mark.integration
OWNER, WITNESS, EACH_TIME = "sample", "witness", 20


@pytest.fixture
def node() -> Iterator[BrokerNode]:
    """A broker of the test's own, with a stream and a queue beside it."""
    with private_broker() as started:
        topology.declare_stream(started.url(), [OWNER])
        with pika.BlockingConnection(pika.URLParameters(started.url())) as connection:
            channel = connection.channel()
            channel.queue_declare(WITNESS, durable=True, arguments={"x-queue-type": "quorum"})
            channel.queue_bind(WITNESS, events_exchange(OWNER), "#")
        yield started


def test_what_was_committed_during_a_restart_reaches_the_stream_too(store, node, monkeypatch):
    monkeypatch.setattr(relay, "_RECONNECT_SECONDS", (0.01, 0.05))
    engine = create_engine(store.url, name="relay under test", relay_port=0)
    stop = threading.Event()
    running = Relay(engine, store.tables.outbox, node.url(), OWNER, awaits=[STREAM])
    thread = threading.Thread(target=running.run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: running.connected, within=20)
        for number in range(3):
            node.control("stop_app")
            rows = [Outgoing(uuid4(), events_exchange(OWNER), "a.b", b"%d" % number, "a") for _ in range(EACH_TIME)]
            in_transaction(
                store.engine, lambda connection, rows=rows: outbox.put(connection, store.tables.outbox, rows)
            )
            node.control("start_app")
            eventually(lambda: store.count("outbox") == 0, within=30)
    finally:
        stop.set()
        thread.join(15)
    assert len(read(node, WITNESS)) >= 3 * EACH_TIME
    assert read(node, STREAM, **{"x-stream-offset": "first"}) == read(node, WITNESS)


def read(node: BrokerNode, queue: str, **arguments: str) -> set[str]:
    """Ids of all messages that are there; they stay."""
    found = set()
    with pika.BlockingConnection(pika.URLParameters(node.url())) as connection:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=1000)
        for method, properties, _ in channel.consume(queue, arguments=arguments, inactivity_timeout=2):
            if method is None:
                break
            found.add(properties.message_id)
    return found
