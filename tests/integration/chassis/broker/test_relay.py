"""The outbox relay against a real broker and database."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
import sqlalchemy as sa

from chassis import metrics, outbox
from chassis.database import create_engine, in_transaction
from chassis.link import Link
from chassis.outbox import Outgoing
from chassis.relay import BrokerSilent, Relay
from chassis.relay_window import SlidingWindow
from chassis.tracing import configure, current_traceparent, span
from cli.stack import ports
from tests.chaos.proxy import FaultProxy

pytestmark = pytest.mark.integration
QUEUE = "sample.counts"


def outgoing(order_key="a", *, exchange="sample.events", routing_key="sample.counted.v1", body=b"{}", **rest):
    return Outgoing(uuid4(), exchange, routing_key, body, order_key, **rest)


def put(store, rows):
    in_transaction(store.engine, lambda connection: outbox.put(connection, store.tables.outbox, rows))
    return rows


@pytest.fixture
def relay(store, broker):
    return Relay(store.engine, store.tables.outbox, broker.url, "sample")


@pytest.fixture
def running(store, broker):
    """`running(…)` starts a relay in a thread of its own; it stops with the test."""
    stop = threading.Event()
    threads = []

    def run(**options):
        engine = create_engine(store.url, name="relay under test", relay_port=0)
        made = Relay(engine, store.tables.outbox, options.pop("url", broker.url), "sample", **options)
        threads.append(threading.Thread(target=made.run, args=(stop,)))
        threads[-1].start()
        return made

    yield run
    stop.set()
    for thread in threads:
        thread.join(15)
        assert not thread.is_alive()


def test_a_round_publishes_persistent_messages_with_their_properties_and_empties_the_outbox(store, broker, relay):
    configure("test")
    with span("cause"):
        expected = current_traceparent()
        [row] = put(store, [outgoing(body=b'{"n":1}', headers={"tenant": "x"})])
    with Link(broker.url, name="relay") as link:
        assert relay.relay_once(link) == 1
        assert relay.relay_once(link) == 0
    assert store.count("outbox") == 0
    [(method, properties, body)] = broker.drain(QUEUE, 1)
    assert body == b'{"n":1}'
    assert method.routing_key == "sample.counted.v1"
    assert properties.message_id == str(row.message_id)
    assert properties.delivery_mode == 2
    assert properties.content_type == "application/cloudevents+json"
    assert properties.headers == {"tenant": "x", "traceparent": expected}
    assert abs(properties.timestamp - time.time()) < 60


def test_an_answer_goes_straight_to_a_queue_with_its_correlation_id(store, broker, relay):
    put(store, [outgoing(exchange="", routing_key=QUEUE, headers={"correlation_id": "c-1"})])
    with Link(broker.url, name="relay") as link:
        relay.relay_once(link)
    [(_, properties, _)] = broker.drain(QUEUE, 1)
    assert properties.correlation_id == "c-1"


def test_an_unroutable_message_stays_and_shows_and_holds_back_only_its_own_aggregate(store, broker, relay):
    rows = put(store, [outgoing("a", routing_key="nobody.listens"), outgoing("a"), outgoing("b"), outgoing("c")])
    before = metrics.RELAY_FAILED.labels("returned")._value.get()
    with Link(broker.url, name="relay") as link:
        assert relay.relay_once(link) == 3
        assert {properties.message_id for _, properties, _ in broker.drain(QUEUE, 2)} == {
            str(rows[2].message_id),
            str(rows[3].message_id),
        }
        kept = store.rows(
            "SELECT message_id, attempts, last_error, not_before > clock_timestamp() AS waits FROM outbox ORDER BY id"
        )
        assert [row.message_id for row in kept] == [rows[0].message_id, rows[1].message_id]
        assert kept[0][1:] == (1, "returned 312 NO_ROUTE", True)
        assert (kept[1].attempts, kept[1].last_error) == (0, None)
        assert metrics.RELAY_FAILED.labels("returned")._value.get() == before + 1
        # Later rows of the key wait, also those that come later, also when the failed one is due again.
        put(store, [outgoing("a")])
        assert relay.relay_once(link) == 0
        store.run("UPDATE outbox SET not_before = clock_timestamp() WHERE attempts > 0")
        assert relay.relay_once(link) == 1
        assert store.rows("SELECT attempts FROM outbox ORDER BY id") == [(2,), (0,), (0,)]
        # Once somebody listens everything leaves, in order.
        link.call("queue_bind", QUEUE, "sample.events", "nobody.listens")
        store.run("UPDATE outbox SET not_before = clock_timestamp() WHERE attempts > 0")
        while store.count("outbox"):
            assert relay.relay_once(link) > 0
    assert [method.routing_key for method, _, _ in broker.drain(QUEUE, 3)] == [
        "nobody.listens",
        "sample.counted.v1",
        "sample.counted.v1",
    ]


def test_a_body_larger_than_a_frame_arrives_whole(store, broker, relay):
    body = os.urandom(300_000)
    put(store, [outgoing(body=body), outgoing(body=b"")])
    with Link(broker.url, name="relay") as link:
        assert relay.relay_once(link) == 2
    assert [got for _, _, got in broker.drain(QUEUE, 2)] == [body, b""]


def test_a_message_that_cannot_be_encoded_stays_and_shows_and_holds_back_only_its_own_aggregate(store, broker, relay):
    put(store, [outgoing("a", routing_key="k" * 256), outgoing("a"), outgoing("b"), outgoing("c")])
    with Link(broker.url, name="relay") as link:
        assert relay.relay_once(link) == 3
    broker.drain(QUEUE, 2)
    kept = store.rows("SELECT attempts, last_error FROM outbox ORDER BY id")
    assert kept == [(1, "unencodable ShortStringTooLong"), (0, None)]


def test_a_round_reads_its_rows_in_pieces_and_none_that_was_committed_after_its_first(store, broker, monkeypatch):
    put(store, [outgoing("a", body=str(n).encode()) for n in range(7)] + [outgoing(str(n)) for n in range(40)])
    relay = Relay(store.engine, store.tables.outbox, broker.url, "sample", window=4)
    late = []

    fill = SlidingWindow._fill

    def put_one_more_and_fill(window, confirms):
        if not late:
            late.extend(put(store, [outgoing("a", body=b"7")]))
        fill(window, confirms)

    monkeypatch.setattr(SlidingWindow, "_fill", put_one_more_and_fill)
    with Link(broker.url, name="relay") as link:
        assert relay.relay_once(link) == 47
        assert store.count("outbox") == 1
        assert relay.relay_once(link) == 1
    bodies = [body for _, _, body in broker.drain(QUEUE, 48)]
    assert [body for body in bodies if body != b"{}"] == [str(n).encode() for n in range(8)]


def test_a_message_that_need_not_be_routed_leaves_without_a_listener(store, broker, relay):
    put(store, [outgoing(routing_key="nobody.listens", mandatory=False)])
    with Link(broker.url, name="relay") as link:
        assert relay.relay_once(link) == 1
    assert store.count("outbox") == 0


def test_a_message_for_an_exchange_that_does_not_exist_does_not_block_the_others(store, broker, running, eventually):
    put(store, [outgoing("a", exchange="not.there"), outgoing("a"), outgoing("b"), outgoing("c")])
    running()
    eventually(lambda: store.count("outbox") == 2)
    broker.drain(QUEUE, 2)
    kept = store.rows("SELECT order_key, last_error FROM outbox ORDER BY id")
    assert [row.order_key for row in kept] == ["a", "a"]
    assert kept[0].last_error.startswith("refused 404 NOT_FOUND - no exchange 'not.there'")
    assert kept[1].last_error is None


def test_the_gauges_show_depth_and_age_of_the_outbox(store, relay):
    put(store, [outgoing() for _ in range(3)])
    store.run("UPDATE outbox SET created_at = clock_timestamp() - interval '90 seconds' WHERE id = 1")
    relay.measure()
    assert metrics.OUTBOX_DEPTH._value.get() == 3
    assert 89 < metrics.OUTBOX_OLDEST_SECONDS._value.get() < 120


def test_the_order_of_every_aggregate_holds_with_two_relays_competing(store, broker, running, eventually):
    keys = 40
    for first in range(0, 2000, 500):
        put(store, [outgoing(str(n % keys), body=str(n).encode()) for n in range(first, first + 500)])
    running(window=50)
    running(window=50)
    for first in range(2000, 4000, 100):
        put(store, [outgoing(str(n % keys), body=str(n).encode()) for n in range(first, first + 100)])
    eventually(lambda: store.count("outbox") == 0, 30)
    numbers = [int(body) for _, _, body in broker.drain(QUEUE, 4000)]
    assert sorted(numbers) == list(range(4000))
    for key in range(keys):
        assert [n for n in numbers if n % keys == key] == list(range(key, 4000, keys))


def test_a_nudge_wakes_the_relay_before_its_poll(store, broker, running, eventually, monkeypatch):
    monkeypatch.setattr("chassis.relay.POLL_SECONDS", 30.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    relay = running(port=port)
    eventually(lambda: relay.connected)
    put(store, [outgoing()])

    def nudged():
        outbox.nudge(port)
        return store.count("outbox") == 0

    eventually(nudged, 10)
    outbox.nudge(port)


def test_a_relay_killed_in_the_middle_of_its_work_loses_nothing(start, store, broker, eventually):
    first = start("sample_sidecar.py", store, broker.url).until_ready()
    rows = []
    for _ in range(8):
        rows += put(store, [outgoing(str(n % 7)) for n in range(500)])
    eventually(lambda: (broker.depth(QUEUE) or 0) > 0, 10)
    first.kill()
    left = store.count("outbox")
    start("sample_sidecar.py", store, broker.url).until_ready()
    eventually(lambda: store.count("outbox") == 0, 20)
    assert broker.ids(QUEUE, len(rows)) == {str(row.message_id) for row in rows}
    assert left > 0


def test_a_frozen_relay_is_thrown_out_by_the_database_and_the_other_takes_over(start, store, broker, eventually):
    frozen = start("sample_sidecar.py", store, broker.url).until_ready()
    assert freeze_while_it_holds_the_lock(frozen, store)
    start("sample_sidecar.py", store, broker.url).until_ready()
    put(store, [outgoing(str(n)) for n in range(10)])
    eventually(lambda: store.count("outbox") == 0, 20)
    expected = store.rows("SELECT last_value FROM outbox_id_seq")[0][0]
    assert len(broker.ids(QUEUE, expected)) == expected
    os.kill(frozen.child.pid, signal.SIGCONT)
    eventually(frozen.ready, 20)


def freeze_while_it_holds_the_lock(process, store, within=20):
    """Stop the process at a moment when its transaction holds the relay's advisory lock; True when it did."""
    until = time.monotonic() + within
    held = sa.text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while time.monotonic() < until:
            put(store, [outgoing(str(n)) for n in range(200)])
            os.kill(process.child.pid, signal.SIGSTOP)
            if connection.execute(held).scalar_one():
                return True
            os.kill(process.child.pid, signal.SIGCONT)
    return False


def test_a_broker_that_is_there_and_confirms_nothing_is_told_as_silent_until_it_confirms_again(
    store, broker, running, eventually, monkeypatch
):
    monkeypatch.setattr("chassis.relay.CONFIRM_SECONDS", 0.5)
    to = urlsplit(broker.url)
    proxy = FaultProxy("amqp", ports.choose(["proxy"], seed=broker.url)["proxy"], to.port)
    proxy.start()
    try:
        relay = running(url=urlunsplit(to._replace(netloc=to.netloc.replace(f":{to.port}", f":{proxy.port}"))))
        put(store, [outgoing()])
        eventually(lambda: store.count("outbox") == 0, within=10)
        assert relay.silent_seconds == 0.0
        # Confirms are swallowed on their way back; everything else about the connection is as it was.
        proxy.set("half-open-to-client")
        put(store, [outgoing()])
        # Closing waits for an answer too, which this proxy swallows.
        eventually(lambda: relay.silent_seconds > 0.4, within=25)
        proxy.set("pass")
        proxy.reset_all()
        eventually(lambda: store.count("outbox") == 0, within=15)
        eventually(lambda: relay.silent_seconds == 0.0, within=10)
    finally:
        proxy.stop()


def test_silence_is_forgotten_when_another_relay_has_published_what_was_owed(store, broker, relay):
    relay._heard(BrokerSilent("not confirmed"))
    assert relay.silent_seconds > 0
    with Link(broker.url, name="relay") as link:
        assert relay.relay_once(link) == 0
    assert relay.silent_seconds == 0.0
