"""`GET /v1/stream`: every event once and in order, whatever is restarted, cut or taken away; or the gap is told."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable

import httpx
import pytest

from tests.integration.gateway.running import TOKEN, GatewayProcess
from tests.integration.gateway.stream import KINDS, SMALL_RING, EventSource, Reader, first, is_heartbeat
from tests.support.eventually import eventually
from tests.support.servers import private_broker
from tests.support.vhosts import VhostFactory


def test_10000_events_over_many_connections_come_once_each_and_in_order(
    new_vhost: VhostFactory, new_gateway: Callable[..., GatewayProcess]
) -> None:
    vhost = new_vhost()
    # Many small segments: the broker puts an entry of its own at the head of each, which is no gap.
    source = EventSource(vhost, **{"x-stream-max-segment-size-bytes": 200_000})
    source.declare()
    http = new_gateway(vhost, **SMALL_RING).client(timeout=20)
    reader = Reader(http, {"after": -1})
    writing = threading.Thread(target=lambda: [source.write(500) for _ in range(20)])
    writing.start()
    connections = 0
    while len(reader.had) < 10_000:
        reader.read_until(min(10_000, len(reader.had) + 173 * (1 + connections % 7)))
        connections += 1
    writing.join()
    assert reader.had == list(range(10_000))
    assert reader.gaps == []
    assert connections > 10
    assert int(reader.last_id or 0) > 9_999, "no segment was full: the test would not meet the broker's own entries"
    http.close()


def test_a_gap_is_told_when_retention_has_passed_the_offset(
    new_vhost: VhostFactory, new_gateway: Callable[..., GatewayProcess]
) -> None:
    vhost = new_vhost()
    limits = {"x-max-length-bytes": 300_000, "x-stream-max-segment-size-bytes": 100_000}
    source = EventSource(vhost, **limits)
    source.declare()
    for _ in range(20):
        source.write(100, padding=1000)
    gateway = new_gateway(vhost, **SMALL_RING)
    with gateway.client(timeout=20) as client:
        reader = Reader(client, {"after": 9})
        offsets = []
        for message in reader.messages():
            if message.kind in KINDS:
                offsets.append(int(message.id or ""))
            elif is_heartbeat(message) and message.data["behind"] == 0:
                break
    (gap,) = reader.gaps
    assert (gap["from"], gap["to"], gap["reason"]) == (10, offsets[0] - 1, "retention")
    assert reader.had == list(range(reader.had[0], 2000))
    assert 10 < reader.had[0] < 2000


def test_a_reader_resumes_over_a_gateway_that_drains_and_one_that_is_killed(
    source: EventSource, running: GatewayProcess
) -> None:
    start = source.written
    with running.client(timeout=20) as client:
        reader = Reader(client, {"after": start - 1})
        source.write(1000)
        messages = reader.messages()
        first(messages, lambda _: len(reader.had) >= 400)
        statuses: list[int] = []
        ended = threading.Thread(target=lambda: statuses.append(running.stop()))
        ended.start()
        last = list(messages)[-1]
        ended.join()
        assert statuses == [0]
        assert last.kind == "end"
        assert last.data == {"reason": "shutdown", "resume_after": int(reader.last_id or -1)}
        source.write(1000)
        running.start()
        reader.read_until(1300)
        messages = reader.messages()
        first(messages, lambda _: len(reader.had) >= 1500)
        running.kill()
        with pytest.raises(httpx.RemoteProtocolError):
            list(messages)
        source.write(1000)
        running.start()
        reader.read_until(3000)
    assert reader.had == list(range(start, start + 3000))
    assert reader.gaps == []


def test_an_open_reader_goes_on_when_every_broker_connection_is_closed(
    source: EventSource, http: httpx.Client, vhost: str, broker_control: Callable[..., str]
) -> None:
    start = source.written
    source.write(1000)
    reader = Reader(http, {"after": start - 1})
    messages = reader.messages()
    first(messages, lambda _: len(reader.had) >= 300)
    broker_control("close_all_connections", "--vhost", vhost.rpartition("/")[2], "a test")
    source.write(1000)
    first(messages, lambda _: len(reader.had) >= 2000)
    assert reader.had == list(range(start, start + 2000))
    assert reader.gaps == []


def test_readers_and_calls_survive_a_restart_of_the_broker(new_gateway: Callable[..., GatewayProcess]) -> None:
    with private_broker() as node:
        source = EventSource(node.url())
        source.declare()
        source.write(500)
        gateway = new_gateway(node.url(), **SMALL_RING)
        with gateway.client(timeout=60) as client:
            reader = Reader(client, {"after": -1})
            messages = reader.messages()
            first(messages, lambda _: len(reader.had) >= 500)
            node.control("stop_app")
            first(messages, lambda message: is_heartbeat(message) and message.data["behind"] is None)
            eventually(lambda: not gateway.is_ready())
            node.control("start_app")
            eventually(gateway.is_ready, within=20)
            eventually(source.is_routed_to, within=20)
            source.write(500)
            first(messages, lambda _: len(reader.had) >= 1000)
    assert reader.had == list(range(1000))
    assert reader.gaps == []


def test_a_stream_that_does_not_exist_yet_is_waited_for(
    new_vhost: VhostFactory, new_gateway: Callable[..., GatewayProcess]
) -> None:
    vhost = new_vhost()
    gateway = new_gateway(vhost)
    source = EventSource(vhost)
    with gateway.client(timeout=20) as client:
        reader = Reader(client, {"after": -1})
        messages = reader.messages()
        beat = first(messages, is_heartbeat)
        assert beat.data == {"newest_offset": None, "reader_offset": -1, "behind": None}
        source.declare()
        source.write(20)
        first(messages, lambda _: len(reader.had) == 20)
    assert reader.had == list(range(20))


def test_a_stream_made_anew_is_told_and_read_from_its_beginning(
    own: EventSource, new_gateway: Callable[..., GatewayProcess]
) -> None:
    own.write(400)
    with new_gateway(own.url, **SMALL_RING).client(timeout=20) as client:
        reader = Reader(client, {"after": -1})
        messages = reader.messages()
        first(messages, lambda _: len(reader.had) == 400)
        own.delete()
        own.declare()
        own.write(30)
        first(messages, lambda _: len(reader.had) == 430)
    assert reader.had[400:] == list(range(30))
    assert reader.gaps == [{"from": 400, "to": None, "reason": "stream_restarted"}]


def test_a_reader_that_does_not_read_is_cut_resumes_and_slows_nobody(
    own: EventSource, new_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = new_gateway(own.url, WANGGE_STREAM_SLOW_SECONDS="1", **SMALL_RING)
    with gateway.client(timeout=20) as client, socket.socket() as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        idle.connect(("127.0.0.1", gateway.port))
        request = f"GET /v1/stream?after=-1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        idle.sendall(request.encode())
        reader = Reader(client, {"after": -1})
        writing = threading.Thread(target=lambda: own.write(8000, padding=1500))
        writing.start()
        reader.read_until(8000)
        writing.join()
        assert reader.had == list(range(8000))
        cut = 'wangge_gateway_stream_cut_total{reason="slow"} 1.0'
        eventually(lambda: cut in client.get("/metrics").text, within=10)
        idle.settimeout(10)
        had = bytearray()
        while piece := idle.recv(1 << 20):
            had += piece
        # Whoever begins to read again at once gets the rest of it; later the connection is gone, amid an event perhaps.
        last = re.findall(rb"\nid: (\d+)\n", had.rpartition(b"\n\n")[0])[-1].decode()
        resumed = Reader(client, last_id=last)
        resumed.read_until(8000 - int(last) - 1)
    assert resumed.had == list(range(int(last) + 1, 8000))
    assert "Traceback" not in gateway.log.read_text()
