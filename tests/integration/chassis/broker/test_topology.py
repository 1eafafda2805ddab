"""What is declared, against a real broker."""

from __future__ import annotations

import dataclasses

import pika
import pytest

from chassis import topology
from chassis.link import Link, Message
from chassis.topology import Subscription, TopologyMismatch

pytestmark = pytest.mark.integration
GRID = Subscription("dispatch", "grid-tree", (("registry.events", "wangge.registry.#"),))


@pytest.fixture
def url(new_vhost):
    return new_vhost()


def test_declaring_twice_changes_nothing(url):
    for _ in range(2):
        topology.declare(url, ["dispatch", "registry"], [GRID])
        topology.declare_stream(url, ["dispatch", "registry"])
    with Link(url, name="test") as link:
        for queue in topology.queue_arguments(GRID):
            assert link.call("queue_declare", queue, passive=True).message_count == 0


def test_another_argument_is_an_error_that_names_queue_and_argument(url):
    topology.declare(url, ["registry"], [GRID])
    with pytest.raises(TopologyMismatch) as mismatch:
        topology.declare(url, ["registry"], [dataclasses.replace(GRID, delivery_limit=3)])
    assert (mismatch.value.name, mismatch.value.argument) == ("dispatch.grid-tree", "x-delivery-limit")
    assert "20" in str(mismatch.value)
    topology.declare_stream(url, ["registry"])
    with pytest.raises(TopologyMismatch, match="events: x-max-age"):
        topology.declare_stream(url, ["registry"], max_age="1D")


def test_the_broker_itself_buries_a_rejected_message_in_the_dead_queue(url, eventually):
    topology.declare(url, ["registry"], [GRID])
    with Link(url, name="test") as link:
        message = Message("registry.events", "wangge.registry.grid.changed.v1", b"1", pika.BasicProperties())
        assert link.publish_all([message], 5) == [None]
        method, _, _ = eventually(lambda: link.get(GRID.queue))
        link.reject(method.delivery_tag, requeue=False)
        _, properties, body = eventually(lambda: link.get(GRID.dead))
    assert body == b"1"
    assert properties.headers["x-first-death-queue"] == GRID.queue


def test_a_message_comes_back_from_the_retry_queue_after_its_time(url, eventually):
    subscription = dataclasses.replace(GRID, retry_seconds=(1,))
    topology.declare(url, ["registry"], [subscription])
    with Link(url, name="test") as link:
        message = Message("", subscription.retry_queue(1), b"again", pika.BasicProperties())
        assert link.publish_all([message], 5) == [None]
        assert link.get(subscription.queue) is None
        _, _, body = eventually(lambda: link.get(subscription.queue), 5)
    assert body == b"again"


def test_the_stream_keeps_every_event_of_every_owner_at_contiguous_offsets(url):
    topology.declare_stream(url, ["dispatch", "registry"])
    messages = [
        Message(
            f"{owner}.events", f"wangge.{owner}.x.v1", str(n).encode(), pika.BasicProperties(message_id=f"{owner}{n}")
        )
        for n in range(50)
        for owner in ("dispatch", "registry")
    ]
    got = []
    with Link(url, name="test") as link:
        assert link.publish_all(messages, 10) == [None] * 100
        link.call("basic_qos", prefetch_count=100)
        link._channel.basic_consume(
            topology.STREAM, lambda _channel, *parts: got.append(parts), arguments={"x-stream-offset": "first"}
        )
        while len(got) < 100:
            link.step(1)
    assert [properties.headers["x-stream-offset"] for _, properties, _ in got] == list(range(100))
    assert [body for _, _, body in got] == [message.body for message in messages]
