"""The broker closes every connection, or dies and comes back: the same processes go on."""

from __future__ import annotations

import os
import signal
import time
from urllib.parse import unquote, urlsplit

import orjson
import pika
import pytest

from chassis.link import BrokerLost, Link, Message
from tests.support.callers import header
from tests.support.servers import private_broker

pytestmark = pytest.mark.integration


def call(url, method, *args, within=10):
    """One call with a client of its own; None when no answer came in time."""
    got = []
    try:
        with Link(url, name="caller") as link:
            queue = link.call("queue_declare", "", exclusive=True).queue
            link.call("exchange_declare", "nameko-rpc", exchange_type="topic", durable=True)
            link.call("queue_bind", queue, "nameko-rpc", queue)
            link.consume(queue, 1, lambda _channel, _method, _properties, body: got.append(orjson.loads(body)))
            properties = pika.BasicProperties(
                reply_to=queue, correlation_id="1", content_type="application/json", headers=header("sample")
            )
            body = orjson.dumps({"args": args, "kwargs": {}})
            link.publish_all([Message("nameko-rpc", f"sample.{method}", body, properties)], 5)
            until = time.monotonic() + within
            while not got and time.monotonic() < until:
                link.step(0.1)
    except BrokerLost:
        return None
    return got[0]["result"]["result"] if got else None


def test_consumers_and_calls_survive_that_every_connection_is_closed(
    service, store, broker, eventually, broker_control
):
    pid = call(broker.url, "pid")
    broker.publish([{"key": "k", "number": 0}])
    eventually(lambda: store.count("effect") == 1)
    vhost = unquote(urlsplit(broker.url).path[1:])
    broker_control("close_all_connections", "--vhost", vhost, "test")
    eventually(lambda: "consumer lost its broker" in service.log.read_text())
    broker.publish([{"key": "k", "number": each} for each in range(1, 50)])
    eventually(lambda: store.count("effect") == 50, 20)
    assert call(broker.url, "pid") == pid
    eventually(service.ready)


def test_a_consumer_comes_back_when_its_queue_was_deleted(service, store, broker, eventually):
    with Link(broker.url, name="test") as link:
        link.call("queue_delete", "sample.counts")
    eventually(lambda: broker.depth("sample.counts") is not None, 15)
    eventually(service.ready, 15)
    broker.publish([{"key": "k", "number": 1}])
    eventually(lambda: store.count("effect") == 1, 15)


@pytest.mark.timeout(240)
def test_service_and_relay_survive_that_the_broker_is_killed_and_started_again(start, store, eventually):
    with private_broker() as node:
        # Started before the node answers: processes start in any order.
        url = node.url()
        service = start("sample_service.py", store, url)
        sidecar = start("sample_sidecar.py", store, url)
        service.until_ready(60)
        sidecar.until_ready(60)
        put(store, 0, 100)
        eventually(lambda: store.count("effect") == 100, 20)
        os.kill(node.running().pid, signal.SIGKILL)
        put(store, 100, 300)
        eventually(lambda: not service.ready() and not sidecar.ready())
        assert store.count("outbox") == 200
        assert service.get("/live")[0] == 200
        identity = node.start()
        try:
            eventually(lambda: service.ready() and sidecar.ready(), 90)
            eventually(lambda: store.count("effect") == 300, 60)
            assert [row.number for row in store.rows("SELECT number FROM effect ORDER BY id")] == list(range(300))
            eventually(lambda: store.count("outbox") == 0)
            assert call(url, "echo", "still here") == "still here"
        finally:
            node.stop(identity)


def put(store, first, last):
    store.run(
        "INSERT INTO outbox (message_id, exchange, routing_key, order_key, body, content_type)"
        " SELECT gen_random_uuid(), 'sample.events', 'sample.counted.v1', 'k',"
        " convert_to(json_build_object('key', 'k', 'number', n)::text, 'UTF8'), 'application/json'"
        " FROM generate_series(CAST(:first AS int), CAST(:last AS int) - 1) n ORDER BY n",
        first=first,
        last=last,
    )
