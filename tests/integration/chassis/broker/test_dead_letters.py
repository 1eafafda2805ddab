"""Looking at dead letters, replaying and dropping them."""

from __future__ import annotations

import pika
import pytest

from chassis import dead_letters, topology
from chassis.dead_letters import DeadQueue, NoSuchDeadLetter, NotReplayed
from chassis.link import Link, Message
from chassis.topology import Subscription

pytestmark = pytest.mark.integration
QUEUE, DEAD = "sample.counts", "sample.counts.dead"


@pytest.fixture
def buried(broker):
    """Three dead letters, as the events entrypoint buries them; the last has no id."""
    headers = {
        "x-wangge-error": "KeyError at x.py:1 in f",
        "x-wangge-handler": "counts",
        "x-wangge-attempt": 3,
        "x-wangge-dead-at": "2026-01-02T03:04:05.000000Z",
        "x-wangge-exchange": "sample.events",
        "x-wangge-routing-key": "sample.counted.v1",
        "traceparent": "kept",
    }
    for message_id in ("one", "two", None):
        properties = pika.BasicProperties(message_id=message_id, headers=headers, content_type="application/json")
        broker.publish_raw([Message("", DEAD, f"body {message_id}".encode(), properties)])
    return broker


def test_every_declared_dead_queue_is_listed_with_its_count(buried):
    topology.declare(buried.url, [], [Subscription("other", "thing", (("sample.events", "#"),))])
    assert dead_letters.list_queues(buried.url) == [DeadQueue("other.thing.dead", 0), DeadQueue(DEAD, 3)]


def test_a_deleted_queue_is_not_listed(buried):
    with Link(buried.url, name="test") as link:
        link.call("queue_delete", DEAD)
    assert dead_letters.list_queues(buried.url) == []


def test_looking_leaves_the_messages_where_they_are(buried, eventually):
    for _ in range(3):
        eventually(lambda: buried.depth(DEAD) == 3)
        letters = dead_letters.list_messages(buried.url, DEAD)
        assert [letter.message_id for letter in letters] == ["one", "two", None]
    eventually(lambda: buried.depth(DEAD) == 3)
    assert len(dead_letters.list_messages(buried.url, DEAD, limit=1)) == 1
    eventually(lambda: buried.depth(DEAD) == 3)
    letter = dead_letters.show(buried.url, DEAD, "two")
    assert (letter.body, letter.attempt, letter.handler) == (b"body two", 3, "counts")
    assert (letter.exchange, letter.routing_key) == ("sample.events", "sample.counted.v1")
    assert letter.error == "KeyError at x.py:1 in f"


def test_one_message_is_replayed_as_a_first_attempt_and_the_others_stay(buried, eventually):
    [letter] = dead_letters.replay(buried.url, DEAD, "two")
    assert letter.key == "two"
    [(_, properties, body)] = buried.drain(QUEUE, 1)
    assert body == b"body two"
    assert properties.message_id == "two"
    assert properties.headers == {
        "x-wangge-exchange": "sample.events",
        "x-wangge-routing-key": "sample.counted.v1",
        "traceparent": "kept",
    }
    eventually(lambda: buried.depth(DEAD) == 2)


def test_all_messages_are_replayed_in_order(buried, eventually):
    assert len(dead_letters.replay(buried.url, DEAD)) == 3
    assert [body for _, _, body in buried.drain(QUEUE, 3)] == [b"body one", b"body two", b"body None"]
    eventually(lambda: buried.depth(DEAD) == 0)


def test_a_message_that_the_main_queue_does_not_take_stays_dead(buried, eventually):
    with Link(buried.url, name="test") as link:
        link.call("queue_delete", QUEUE)
    with pytest.raises(NotReplayed, match="NO_ROUTE"):
        dead_letters.replay(buried.url, DEAD, "one")
    eventually(lambda: buried.depth(DEAD) == 3)


def test_a_message_without_an_id_is_dropped_by_its_key(buried, eventually):
    key = dead_letters.list_messages(buried.url, DEAD)[2].key
    # At once: what was looked at may still be on its way back.
    assert dead_letters.drop(buried.url, DEAD, key).body == b"body None"
    eventually(lambda: buried.depth(DEAD) == 2)


def test_a_message_that_is_not_there_and_a_queue_that_is_not_dead_are_refused(buried, eventually):
    with pytest.raises(NoSuchDeadLetter, match="nine"):
        dead_letters.show(buried.url, DEAD, "nine")
    with pytest.raises(NoSuchDeadLetter, match="not a dead queue"):
        dead_letters.replay(buried.url, QUEUE)
    eventually(lambda: buried.depth(DEAD) == 3)


def test_a_message_buried_by_the_broker_shows_its_reason_and_replays_under_its_first_route(broker, eventually):
    broker.publish([{"n": 1}])
    with Link(broker.url, name="test") as link:
        method, _, _ = eventually(lambda: link.get(QUEUE))
        link.reject(method.delivery_tag, requeue=False)
    eventually(lambda: broker.depth(DEAD) == 1)
    [letter] = dead_letters.replay(broker.url, DEAD)
    assert letter.error == "broker: rejected"
    [(_, properties, _)] = broker.drain(QUEUE, 1)
    assert properties.headers == {"x-wangge-exchange": "sample.events", "x-wangge-routing-key": "sample.counted.v1"}


def test_a_replayed_message_whose_cause_is_gone_takes_effect_once(service, store, broker, eventually):
    [message] = broker.publish([{"key": "k", "number": 1, "do": "retry", "until": 99}])
    eventually(lambda: broker.depth(DEAD) == 1, 15)
    [letter] = dead_letters.list_messages(broker.url, DEAD)
    assert letter.message_id == str(message)
    # The same message again under the same id, now one the handler can do: what a fixed release would make of it.
    fixed = pika.BasicProperties(message_id=letter.message_id, headers=dict(letter.headers))
    dead_letters.drop(broker.url, DEAD, letter.key)
    broker.publish_raw([Message("", DEAD, b'{"key": "k", "number": 1}', fixed)])
    dead_letters.replay(broker.url, DEAD)
    eventually(lambda: store.effects() == {str(message): 1}, 10)
    assert broker.depth(DEAD) == 0
