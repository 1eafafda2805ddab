"""`GET /v1/incidents/export`: all pages as one stream, whatever the reader or dispatch do."""

from __future__ import annotations

import csv
import io
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.gateway.responder import Responder, Silence, problem
from tests.integration.gateway.running import TOKEN, GatewayProcess
from tests.support.eventually import eventually

EXPORT = "/v1/incidents/export"
SUMMARY = "演示小区3号楼有人晕倒" * 20


class Book:
    """Dispatch with so many incidents, in pages; the cursor is the number of the next.

    `fault` is called with it before each page.
    """

    def __init__(self, incidents: int, fault: Callable[[int], None] | None = None) -> None:
        self._incidents = incidents
        self._fault = fault

    def __call__(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if method != "select_incidents":
            return {"result": {"method": method}}
        begin = int(arguments.get("cursor", 0))
        if self._fault is not None:
            self._fault(begin)
        end = min(begin + arguments["limit"], self._incidents)
        page = [{"incident_id": str(number), "summary": SUMMARY} for number in range(begin, end)]
        return {"result": {"incidents": page, "next_cursor": str(end) if end < self._incidents else None}}


@pytest.fixture
def quick(vhost: str, new_gateway: Callable[..., GatewayProcess]) -> GatewayProcess:
    """A gateway that gives up on a reader after half a second, and on dispatch after another."""
    return new_gateway(vhost, WANGGE_EXPORT_SLOW_SECONDS="0.5", WANGGE_READ_SECONDS="0.5")


def metric(gateway: GatewayProcess, name: str) -> float:
    lines = httpx.get(f"{gateway.url}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_an_export_is_every_page_and_ends_with_the_count(client: httpx.Client, fresh: Responder) -> None:
    fresh.handler = Book(1203)
    response = client.get(f"{EXPORT}?format=ndjson&fields=incident_id,summary")
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["content-disposition"] == 'attachment; filename="incidents.ndjson"'
    *incidents, last = [json.loads(line) for line in response.text.splitlines()]
    assert [incident["incident_id"] for incident in incidents] == [str(number) for number in range(1203)]
    assert last == {"summary": {"incidents": 1203}}


def test_every_page_is_asked_for_with_the_same_filters_and_the_cursor_of_the_one_before(
    client: httpx.Client, fresh: Responder
) -> None:
    fresh.handler = Book(421)
    query = (
        "format=csv&fields=summary,incident_id,summary&state=closed,archived&prefix=999999&from=2026-01-01T00:00:00Z"
    )
    assert client.get(f"{EXPORT}?{query}").status_code == 200
    same = {
        "fields": ["summary", "incident_id"], "state": ["closed", "archived"], "prefix": "999999",
        "since": "2026-01-01T00:00:00.000000Z",
    }  # fmt: skip
    assert [call.arguments for call in fresh.seen] == [
        {**same, "limit": 20},
        {**same, "limit": 200, "cursor": "20"},
        {**same, "limit": 200, "cursor": "220"},
        {**same, "limit": 200, "cursor": "420"},
    ]


def test_a_csv_opens_with_chinese_in_it_and_the_columns_in_the_order_asked(
    client: httpx.Client, fresh: Responder
) -> None:
    fresh.handler = Book(321)
    response = client.get(f"{EXPORT}?format=csv&fields=summary,incident_id")
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert response.content.startswith(b"\xef\xbb\xbf")
    header, *found = csv.reader(io.StringIO(response.content.decode("utf-8-sig"), newline=""), strict=True)
    assert header == ["summary", "incident_id"]
    assert found == [[SUMMARY, str(number)] for number in range(321)]


def test_an_export_of_nothing_is_a_header_or_a_summary(client: httpx.Client, fresh: Responder) -> None:
    fresh.handler = Book(0)
    assert client.get(f"{EXPORT}?format=csv&fields=state").content == b"\xef\xbb\xbfstate\r\n"
    assert client.get(EXPORT).json() == {"summary": {"incidents": 0}}
    assert client.head(EXPORT).content == b""


def test_the_first_bytes_come_before_the_second_page_is_there(client: httpx.Client, fresh: Responder) -> None:
    def never_again(begin: int) -> None:
        if begin:
            raise Silence

    fresh.handler = Book(1000, never_again)
    with client.stream("GET", f"{EXPORT}?format=csv&fields=incident_id") as response:
        assert next(response.iter_bytes()).startswith(b"\xef\xbb\xbfincident_id\r\n0\r\n")


def test_a_refusal_of_the_first_page_is_a_problem_and_no_half_export(client: httpx.Client, fresh: Responder) -> None:
    fresh.handler = lambda _method, _arguments: {"problem": problem("unknown_team", 404, field="team")}
    response = client.get(f"{EXPORT}?team=E99")
    assert (response.status_code, response.json()["code"], response.json()["field"]) == (404, "unknown_team", "team")


def collect(response: httpx.Response, received: bytearray) -> None:
    for piece in response.iter_raw():
        received += piece


@pytest.mark.parametrize("failing", ["silence", "problem"])
@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_an_error_midway_ends_the_connection_without_the_last_chunk(
    quick: GatewayProcess, fresh: Responder, form: str, failing: str
) -> None:
    def fail(begin: int) -> None:
        if begin >= 220:
            raise Silence if failing == "silence" else RuntimeError("defect")

    fresh.handler = Book(5000, fail)
    received = bytearray()
    with quick.client() as client, client.stream("GET", f"{EXPORT}?format={form}&fields=incident_id") as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            collect(response, received)
    assert received.count(b"\n") == 220 + (form == "csv")
    assert b'{"summary":' not in received
    eventually(lambda: metric(quick, 'wangge_gateway_export_cut_total{reason="service"}') == 1)


def test_a_gateway_that_is_told_to_stop_does_not_wait_for_the_end_of_an_export(
    quick: GatewayProcess, fresh: Responder
) -> None:
    fresh.handler = Book(100_000_000)
    received = bytearray()
    with quick.client() as client, client.stream("GET", EXPORT) as response, ThreadPoolExecutor(1) as reading:
        collecting = reading.submit(collect, response, received)
        eventually(lambda: len(received) > 1 << 20)
        assert quick.stop(within=10) == 0
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            collecting.result(10)
    assert b'{"summary":' not in received


def stopped_reader(gateway: GatewayProcess) -> socket.socket:
    """Asks for an export into a buffer as small as the kernel allows and reads nothing of it."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", gateway.port))
    connection.sendall(f"GET {EXPORT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
    return connection


def test_a_reader_that_stops_is_cut_off_and_has_cost_dispatch_a_few_pages(
    quick: GatewayProcess, fresh: Responder
) -> None:
    fresh.handler = Book(1_000_000)
    with stopped_reader(quick) as connection, quick.client() as other:
        assert other.get("/v1/board").status_code == 200
        eventually(lambda: metric(quick, 'wangge_gateway_export_cut_total{reason="slow"}') == 1, within=10)
        pages = [call for call in fresh.seen if call.method == "select_incidents"]
        assert len(pages) < 60
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert not received.endswith(b"0\r\n\r\n")


def test_a_reader_that_was_cut_off_and_still_takes_nothing_keeps_no_connection(
    quick: GatewayProcess, fresh: Responder
) -> None:
    fresh.handler = Book(1_000_000)
    with stopped_reader(quick):
        eventually(lambda: metric(quick, 'wangge_gateway_export_cut_total{reason="slow"}') == 1, within=10)
        eventually(lambda: quick.connections() == 0, within=10)


def test_a_reader_that_leaves_ends_the_export(gateway: GatewayProcess, fresh: Responder) -> None:
    fresh.handler = Book(10_000_000)
    before = metric(gateway, "wangge_gateway_export_rows_total")
    with gateway.client() as client, client.stream("GET", EXPORT) as response:
        next(response.iter_bytes())
    eventually(lambda: metric(gateway, "wangge_gateway_export_rows_total") > before, within=10)


def lengths(pieces: Iterator[bytes], every: int) -> Iterator[int]:
    """How much was read so far, each time that another `every` bytes were."""
    total = due = 0
    for piece in pieces:
        total += len(piece)
        if total >= due:
            due = total + every
            yield total


def test_an_export_of_any_length_keeps_the_gateways_memory_as_it_was(gateway: GatewayProcess, fresh: Responder) -> None:
    fresh.handler = Book(100_000)
    with gateway.client() as client, client.stream("GET", f"{EXPORT}?fields=incident_id,summary") as response:
        progress = lengths(response.iter_raw(), 1 << 20)
        while next(progress) < 4 << 20:
            pass
        warm = gateway.memory_bytes()
        most = max(gateway.memory_bytes() - warm for _ in progress)
    assert most < 8 << 20
