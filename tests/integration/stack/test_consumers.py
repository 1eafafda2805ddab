"""A program that takes events from the broker gets what it was given and can do nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker, ProbableAuthenticationError

from cli.stack.broker import BrokerNode
from cli.stack.consumers import add, listed, queue_of, remove
from cli.stack.packages import StackError
from contracts.names import routing_key
from tests.support.eventually import eventually

RECEIVED, MOVED = "wangge.dispatch.incident.received.v1", "wangge.dispatch.team.moved.v1"


@pytest.fixture(scope="module")
def node(broker_node: BrokerNode | None) -> BrokerNode:
    if broker_node is None:
        pytest.skip("needs a broker whose users are ours to make")
    return broker_node


@contextmanager
def channel(url: str) -> Iterator[Any]:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        yield connection.channel()
    finally:
        if connection.is_open:
            connection.close()


def publish(node: BrokerNode, *types: str, place: str | None = "999999001001") -> None:
    with channel(node.url()) as sender:
        # As the relay does: what a quorum queue has not confirmed may be lost with the channel that said it.
        sender.confirm_delivery()
        for kind in types:
            sender.basic_publish("dispatch.events", routing_key(kind, place), kind.encode())


def taken(url: str, name: str, number: int) -> list[str]:
    """What comes to its queue, taken with its own address: `number` of them, and what else there is."""
    found: list[str] = []
    give_up = time.monotonic() + 15
    with channel(url) as reader:
        for method, _, body in reader.consume(queue_of(name), inactivity_timeout=0.7, auto_ack=True):
            if method is not None:
                found.append(body.decode())
            elif len(found) >= number or time.monotonic() > give_up:
                break
    return found


def test_it_gets_the_events_it_was_given_and_others_when_that_is_changed(node: BrokerNode) -> None:
    url = add(node, "board", ["wangge.dispatch.incident.#"])
    publish(node, RECEIVED, MOVED, RECEIVED)
    assert taken(url, "board", 2) == [RECEIVED, RECEIVED]
    changed = add(node, "board", ["wangge.dispatch.team.*.v1"])
    publish(node, RECEIVED, MOVED)
    assert taken(changed, "board", 1) == [MOVED]
    with pytest.raises(ProbableAuthenticationError):
        taken(url, "board", 0)
    remove(node, "board")


def test_one_of_a_town_gets_what_happens_there_and_one_of_a_county_what_happens_in_its_towns(node: BrokerNode) -> None:
    in_town = add(node, "town", ["wangge.dispatch.incident.#"], ["999999001"])
    in_county = add(node, "county", ["#"], ["999999"])
    in_two = add(
        node, "two", ["wangge.dispatch.incident.*.v1", "wangge.dispatch.team.*.v1"], ["999999002", "888888001"]
    )
    for place in ("999999001", "999999001003004", "999999002", "999999", "888888001001", None):
        publish(node, RECEIVED, MOVED, place=place)
    assert taken(in_town, "town", 2) == [RECEIVED] * 2
    assert taken(in_county, "county", 8) == [RECEIVED, MOVED] * 4
    assert taken(in_two, "two", 4) == [RECEIVED, MOVED] * 2
    # What it is bound to is not its own to change, and asking again for less takes the rest away.
    with channel(in_town) as mine, pytest.raises(ChannelClosedByBroker) as refused:
        mine.queue_bind(queue_of("town"), "dispatch.events", "wangge.dispatch.incident.#")
    assert refused.value.reply_code == 403
    anew = add(node, "county", ["#"], ["999999002"])
    publish(node, RECEIVED, MOVED)
    publish(node, MOVED, place="999999002001")
    assert taken(anew, "county", 1) == [MOVED]
    for name in ("town", "county", "two"):
        remove(node, name)


FORBIDDEN: tuple[Any, ...] = (
    lambda c: c.queue_bind(queue_of("city"), "dispatch.events", "#"),
    lambda c: c.queue_declare("mine"),
    lambda c: c.queue_delete(queue_of("city")),
    lambda c: c.basic_get(queue_of("other")),
    lambda c: c.exchange_declare("mine", "topic"),
    lambda c: (c.confirm_delivery(), c.basic_publish("dispatch.commands", "incident.create", b"{}")),
    lambda c: (c.confirm_delivery(), c.basic_publish("", queue_of("other"), b"{}")),
)


def test_it_can_neither_bind_nor_declare_nor_publish_nor_read_what_is_anothers(node: BrokerNode) -> None:
    url = add(node, "city", ["wangge.dispatch.incident.#"])
    add(node, "other", ["#"])
    with channel(node.url()) as admin:
        admin.exchange_declare("dispatch.commands", "topic", durable=True)
    for deed in FORBIDDEN:
        with channel(url) as mine, pytest.raises(ChannelClosedByBroker) as refused:
            deed(mine)
        assert refused.value.reply_code == 403


def test_a_queue_that_nobody_reads_holds_up_nobody_and_goes_with_its_consumer(node: BrokerNode) -> None:
    add(node, "idle", ["#"])
    publish(node, RECEIVED)
    eventually(lambda: {"name": "idle", "messages": 1, "consumers": 0} in listed(node), within=10, every=0.5)
    remove(node, "idle")
    assert "idle" not in {each["name"] for each in listed(node)}


def test_a_name_or_a_pattern_that_is_none_is_refused(node: BrokerNode) -> None:
    for name, pattern, places in (("Bad Name", "#", ()), ("good", "a b", ()), ("good", "", ()), ("good", "#", ("99",))):
        with pytest.raises(StackError):
            add(node, name, [pattern], places)
