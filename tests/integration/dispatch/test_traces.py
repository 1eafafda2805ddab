"""Spans as a collector receives them: one tree from the caller's own span to the last consumer of a message."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pika
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from services.dispatch import bootstrap
from tests.integration.dispatch.county import call_for_help, command
from tests.integration.dispatch.test_processes import Peer
from tests.integration.gateway.running import GatewayProcess

pytestmark = pytest.mark.integration


@dataclass
class Collector:
    """An OTLP/HTTP receiver on loopback; `spans` as (service, span)."""

    spans: list[tuple[str, Any]] = field(default_factory=list)
    url: str = ""

    def of(self, trace_id: str) -> dict[str, Any]:
        """By "service: name", the spans of one trace."""
        return {f"{service}: {one.name}": one for service, one in list(self.spans) if one.trace_id.hex() == trace_id}


class Server(ThreadingHTTPServer):
    daemon_threads = False


@pytest.fixture
def peer(amqp) -> Iterator[Peer]:
    made = Peer(amqp)
    yield made
    made.close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            for each in told.resource_spans:
                [service] = [a.value.string_value for a in each.resource.attributes if a.key == "service.name"]
                made.spans += [(service, one) for scope in each.scope_spans for one in scope.spans]
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Said to nobody."""

    with Server(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def exporting(collector: Collector) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}


@pytest.fixture
def amqp(new_vhost) -> str:
    url = new_vhost()
    bootstrap.declare(url)
    return url


def traceparent() -> tuple[str, str, str]:
    """A caller's span: its header, trace id and span id."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    return f"00-{trace_id}-{span_id}-01", trace_id, span_id


def events_of(channel: Any, queue: str) -> dict[str, str]:
    """By incident, the traceparent of its first event that is in the queue."""
    found: dict[str, str] = {}
    while (got := channel.basic_get(queue, auto_ack=True))[0] is not None:
        event = json.loads(got[2])
        found.setdefault(event["subject"], event["traceparent"])
    return found


def test_calls_that_share_a_transaction_are_each_a_tree_of_their_own(
    process, amqp, peer, collector, exporting, eventually, tmp_path
):
    queue = peer.channel.queue_declare("", exclusive=True).method.queue
    peer.channel.queue_bind(queue, "dispatch.events", "#")
    calls = [traceparent() for _ in range(12)]
    with (
        process("service", amqp, **exporting), process("sidecar", amqp, **exporting),
        GatewayProcess(amqp, tmp_path / "gateway.log", **exporting) as gateway, gateway.client() as client,
        ThreadPoolExecutor(len(calls)) as at_once,
    ):  # fmt: skip

        def call(header: str) -> str:
            answer = client.post("/v1/incidents", json=call_for_help(), headers={"traceparent": header})
            assert answer.status_code == 201, answer.text
            return str(answer.json()["incident_id"])

        incidents = list(at_once.map(call, [header for header, _, _ in calls]))
        trees = [collector.of(trace_id) for _, trace_id, _ in calls]

        def whole() -> bool:
            trees[:] = [collector.of(trace_id) for _, trace_id, _ in calls]
            return all({"gateway: HTTP POST", "dispatch: dispatch.execute"} <= tree.keys() for tree in trees)

        eventually(whole, within=20)
        told: dict[str, str] = {}
        eventually(lambda: told.update(events_of(peer.channel, queue)) or set(incidents) <= told.keys(), within=20)
    assert any(name == "dispatch.execute_together" for _, one in collector.spans for name in [one.name]), "none joined"
    for (_, trace_id, caller), tree, incident in zip(calls, trees, incidents, strict=True):
        gateway_span, done = tree["gateway: HTTP POST"], tree["dispatch: dispatch.execute"]
        assert gateway_span.parent_span_id.hex() == caller
        assert done.parent_span_id == gateway_span.span_id
        assert done.end_time_unix_nano - done.start_time_unix_nano > 1_000_000, "it lasts as long as the work"
        assert told[incident].split("-")[1] == trace_id


def test_a_command_by_message_is_followed_to_its_consumer_and_on_into_its_events(
    process, amqp, peer, collector, exporting, eventually
):
    queue = peer.channel.queue_declare("", exclusive=True).method.queue
    peer.channel.queue_bind(queue, "dispatch.events", "#")
    header, trace_id, sender = traceparent()
    with process("service", amqp, **exporting), process("sidecar", amqp, **exporting):
        body = json.dumps({**command("incident.create", data=call_for_help())}).encode()
        properties = pika.BasicProperties(
            message_id=secrets.token_hex(16), content_type="application/json", delivery_mode=2,
            headers={"traceparent": header}, user_id="wangge_admin",
        )  # fmt: skip
        peer.channel.basic_publish("dispatch.commands", "incident.create", body, properties, mandatory=True)
        consumed = "dispatch: process dispatch.commands"
        eventually(lambda: consumed in collector.of(trace_id), within=20)
        told: dict[str, str] = {}
        eventually(lambda: told.update(events_of(peer.channel, queue)) or told, within=20)
    assert collector.of(trace_id)[consumed].parent_span_id.hex() == sender
    assert {each.split("-")[1] for each in told.values()} == {trace_id}
    assert time.time_ns() > collector.of(trace_id)[consumed].end_time_unix_nano
