"""The event stream as a WebSocket: what server-sent events promise, and who may not open one."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.integration.gateway.running import TOKEN, GatewayProcess
from tests.integration.gateway.stream import KINDS, PLACES, SMALL_RING, EventSource, Reader
from tests.support.eventually import eventually

BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def running(vhost: str, source: EventSource, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    log = tmp_path_factory.mktemp("sockets") / "gateway.log"
    with GatewayProcess(
        vhost, log, "tests.integration.gateway.towns", WANGGE_STREAM_SLOW_SECONDS="1", **SMALL_RING
    ) as process:
        yield process


def opened(gateway: GatewayProcess, query: str = "", headers: dict[str, str] | None = None, **options: Any):
    url = f"{gateway.url.replace('http', 'ws')}/v1/stream{query}"
    return connect(url, additional_headers=BEARER if headers is None else headers, **options)


def messages(connection: ClientConnection) -> Iterator[dict[str, Any]]:
    """At most 20,000 messages, none waited for longer than ten seconds."""
    for _ in range(20_000):
        yield json.loads(connection.recv(10))


def numbers(connection: ClientConnection, count: int) -> list[int]:
    events = (each for each in messages(connection) if each["event"].startswith("wangge."))
    return [each["data"]["data"]["number"] for each in itertools.islice(events, count)]


def test_every_event_comes_once_in_order_with_its_id_and_a_reader_resumes(
    running: GatewayProcess, source: EventSource
) -> None:
    start = source.written
    source.write(900)
    with opened(running, f"?after={start - 1}") as connection:
        (first,) = itertools.islice((each for each in messages(connection) if "data" in each["data"]), 1)
        assert (first["id"], first["event"]) == (str(start), KINDS[start % 3])
        assert numbers(connection, 400) == list(range(start + 1, start + 401))
    with opened(running, f"?after={start + 400}") as connection:
        assert numbers(connection, 499) == list(range(start + 401, start + 900))


def test_a_filter_and_a_heartbeat_are_those_of_server_sent_events(running: GatewayProcess, source: EventSource) -> None:
    start = source.written
    source.write(300)
    with opened(running, f"?after={start - 1}&type=wangge.dispatch.team.*") as connection:
        assert numbers(connection, 100) == [n for n in range(start, start + 300) if n % 3 == 1]
        beat = next(each for each in messages(connection) if each["data"].get("behind") == 0)
    assert beat == {
        "event": "heartbeat",
        "id": str(start + 299),
        "data": {"newest_offset": start + 299, "reader_offset": start + 299, "behind": 0},
    }


def test_a_reader_of_one_town_gets_its_own_events_and_counts_them(running: GatewayProcess, source: EventSource) -> None:
    with opened(running, "?after=-1", {"Authorization": f"Bearer town-{PLACES[1]}"}) as connection:
        source.write(3)
        own = [number for number in range(source.written) if number % 3 == 1]
        found = (each for each in messages(connection) if "data" in each["data"])
        events = list(itertools.islice(found, len(own)))
    assert [each["data"]["data"]["number"] for each in events] == own
    assert [int(each["id"].partition(".")[0]) for each in events] == list(range(1, len(events) + 1))
    assert {each["data"]["jurisdiction"] for each in events} == {PLACES[1]}


def test_a_browser_says_its_token_as_a_subprotocol_and_is_not_told_it_back(running: GatewayProcess) -> None:
    offered = ["wangge.events.v1", f"bearer.{TOKEN}"]
    with opened(running, headers={}, subprotocols=offered) as connection:
        assert connection.subprotocol == "wangge.events.v1"
        assert next(messages(connection))["event"] == "heartbeat"


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ("", {}, 401, "missing_token"),
        ("", {"Authorization": "Bearer wrong"}, 401, "invalid_token"),
        (f"?token={TOKEN}", {}, 401, "missing_token"),
        ("", {**BEARER, "Origin": "https://elsewhere.example"}, 403, "other_origin"),
        ("?after=x", BEARER, 422, "invalid_input"),
        ("?nonsense=1", BEARER, 422, "unknown_field"),
    ],
)
def test_who_may_not_open_one_is_told_why_in_the_answer_to_the_handshake(
    running: GatewayProcess, query: str, headers: dict[str, str], status: int, code: str
) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(running, query, headers):
        pass
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body or b"{}")["code"] == code


def test_a_page_of_our_own_origin_may(running: GatewayProcess) -> None:
    with opened(running, headers={**BEARER, "Origin": running.url}) as connection:
        assert next(messages(connection))["event"] == "heartbeat"


def test_a_reader_that_does_not_read_is_cut_with_a_code_to_resume_by_and_slows_nobody(
    running: GatewayProcess, source: EventSource
) -> None:
    start = source.written
    idle = socket.socket()
    idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    idle.connect(("127.0.0.1", running.port))
    with (
        opened(running, f"?after={start - 1}", sock=idle, max_queue=1) as lazy,
        opened(running, f"?after={start - 1}") as keen,
    ):
        writing = threading.Thread(target=lambda: source.write(4000, padding=2000))
        writing.start()
        assert numbers(keen, 4000) == list(range(start, start + 4000))
        writing.join()
        with running.client() as client:
            eventually(lambda: 'stream_cut_total{reason="slow"} 1.0' in client.get("/metrics").text, within=15)
        had: list[str | bytes] = []
        with pytest.raises(ConnectionClosed) as closed:
            had.extend(iter(lambda: lazy.recv(10), None))
    assert 0 < len(had) < 4000
    assert closed.value.rcvd is None or closed.value.rcvd.code == 4408


def test_a_gateway_that_stops_says_where_to_resume(
    own: EventSource, new_gateway: Callable[..., GatewayProcess], tmp_path: Path
) -> None:
    own.write(3)
    gateway = new_gateway(own.url)
    with opened(gateway, "?after=-1") as connection:
        assert numbers(connection, 3) == [0, 1, 2]
        stopping = threading.Thread(target=gateway.stop)
        stopping.start()
        said = []
        with pytest.raises(ConnectionClosed) as closed:
            said.extend(messages(connection))
        stopping.join()
    assert closed.value.rcvd is None or closed.value.rcvd.code == 1001


def test_a_stream_ends_soon_after_the_token_it_was_opened_with(running: GatewayProcess, source: EventSource) -> None:
    with opened(running, headers={"Authorization": f"Bearer brief-{PLACES[0]}"}) as connection:
        with pytest.raises(ConnectionClosed) as closed:
            list(messages(connection))
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "credential_ended")
    with running.client(20, f"brief-{PLACES[2]}") as client:
        *_, last = Reader(client).messages()
    assert (last.kind, last.data["reason"]) == ("end", "credential_ended")


def test_what_it_logs_is_a_route_and_neither_a_query_nor_an_address(running: GatewayProcess) -> None:
    with opened(running, "?jurisdiction=330784001"):
        pass
    eventually(lambda: '"route":"/v1/stream"' in running.log.read_text())
    assert "330784001" not in running.log.read_text().replace("town-330784001", "")
    # As the server would log it by itself, address and all.
    assert "[accepted]" not in running.log.read_text()
