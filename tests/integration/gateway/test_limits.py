"""What protects the gateway from clients that send too much, too slowly, or something else than HTTP."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.integration.gateway.responder import Responder
from tests.integration.gateway.running import TOKEN, GatewayProcess
from tests.support.eventually import eventually

LIMIT_SECONDS = 0.6
PUSH = "/v1/incidents/0190a0c2-7e1a-7000-8000-0000000000aa/push"
BEARER = f"Authorization: Bearer {TOKEN}\r\n"
OPENING = f"POST {PUSH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def strict(vhost: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that waits for nobody long."""
    log = tmp_path_factory.mktemp("strict") / "gateway.log"
    with GatewayProcess(
        vhost, log, WANGGE_HEAD_SECONDS=str(LIMIT_SECONDS), WANGGE_BODY_SECONDS=str(LIMIT_SECONDS)
    ) as process:
        yield process


@contextlib.contextmanager
def connected(gateway: GatewayProcess) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        yield connection


def rest_of(connection: socket.socket) -> bytes:
    """What comes until the gateway ends the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65_536):
            received += piece
    return received


def problem_in(answer: bytes) -> tuple[int, dict[str, Any]]:
    """Status and document of one answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head, answer
    assert b"connection: close" in head.lower()
    return int(head.split()[1]), json.loads(body)


def drip(connection: socket.socket, byte: bytes) -> Callable[[], bool]:
    """Sends one byte more and says whether the gateway has answered or left."""
    connection.settimeout(0.05)

    def answered() -> bool:
        try:
            connection.sendall(byte)
            connection.recv(1, socket.MSG_PEEK)
            return True
        except TimeoutError:
            return False
        except (ConnectionResetError, BrokenPipeError):
            return True

    return answered


OVERSIZED = {
    "one endless header": (b"GET /live HTTP/1.1\r\nX-Long: " + b"x" * 200_000, 431, "head_too_large"),
    "a thousand headers": (b"GET /live HTTP/1.1\r\n" + b"X-Many: 0123456789\r\n" * 2_000, 431, "head_too_large"),
    "an endless address": (b"GET /live?" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long"),
    "something else than HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10, 400, "malformed_request"),
}


@pytest.mark.parametrize(("sent", "status", "code"), OVERSIZED.values(), ids=OVERSIZED.keys())
def test_what_passes_the_limits_of_a_head_is_refused_with_a_problem(
    gateway: GatewayProcess, sent: bytes, status: int, code: str
) -> None:
    with connected(gateway) as connection:
        connection.sendall(sent)
        found, problem = problem_in(rest_of(connection))
    assert (found, problem["status"], problem["code"]) == (status, status, code)


def test_a_bad_request_behind_a_good_one_does_not_break_its_answer(gateway: GatewayProcess) -> None:
    with connected(gateway) as connection:
        connection.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\nnot http at all\r\n\r\n")
        answer = rest_of(connection)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b'{"status":"live"}')


def test_a_connection_that_was_refused_is_told_once_and_ended_though_the_client_goes_on(strict: GatewayProcess) -> None:
    with connected(strict) as connection:
        connection.sendall(b"GET /live HTTP/1.1\r\nX-Long: " + b"x" * 400_000)
        status, _ = problem_in(rest_of(connection))
        assert status == 431
        eventually(lambda: strict.connections() == 0, within=10)
    assert "Traceback" not in strict.log.read_text()


def test_a_head_within_the_limits_is_served_however_it_is_cut(gateway: GatewayProcess) -> None:
    head = b"GET /live HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 30_000 + b"\r\nConnection: close\r\n\r\n"
    with connected(gateway) as connection:
        for begin in range(0, len(head), 7_001):
            connection.sendall(head[begin : begin + 7_001])
        assert rest_of(connection).startswith(b"HTTP/1.1 200")


def test_a_connection_on_which_nothing_comes_is_closed(strict: GatewayProcess) -> None:
    with connected(strict) as connection:
        assert rest_of(connection) == b""


@pytest.mark.parametrize("byte", [b"x", b"\r\n"])
def test_a_head_that_comes_byte_by_byte_is_ended(strict: GatewayProcess, byte: bytes) -> None:
    with connected(strict) as connection:
        connection.sendall(b"GET /live HTTP/1.1\r\nX-Slow: " if byte == b"x" else b"\r\n")
        eventually(drip(connection, byte), within=LIMIT_SECONDS + 5, every=0.02)


def test_a_head_that_is_late_is_told_so(strict: GatewayProcess) -> None:
    with connected(strict) as connection:
        connection.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\n")
        status, problem = problem_in(rest_of(connection))
    assert (status, problem["code"]) == (408, "request_timeout")


def test_a_body_that_comes_byte_by_byte_is_a_408_and_reaches_no_service(
    strict: GatewayProcess, fresh: Responder
) -> None:
    with connected(strict) as connection:
        connection.sendall(f"{OPENING}{BEARER}Content-Length: 100000\r\n\r\n{{".encode())
        eventually(drip(connection, b" "), within=LIMIT_SECONDS + 5, every=0.02)
        connection.settimeout(10)
        status, problem = problem_in(rest_of(connection))
    assert (status, problem["code"]) == (408, "request_timeout")
    assert fresh.seen == []


def test_a_refused_request_does_not_keep_its_connection_by_never_ending_its_body(strict: GatewayProcess) -> None:
    with connected(strict) as connection:
        connection.sendall(f"{OPENING}Content-Length: 100000\r\n\r\n{{".encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 401")
        eventually(drip(connection, b" "), within=10, every=0.02)


def test_a_feed_may_be_silent_for_longer_than_a_body_may_take(strict: GatewayProcess, fresh: Responder) -> None:
    line = b'{"command": "incident.push", "key": "k", "incident": "police110:1"}\n'
    with connected(strict) as feed, connected(strict) as clock:
        feed.sendall(
            f"POST /v1/feed HTTP/1.1\r\nHost: x\r\n{BEARER}Content-Type: application/x-ndjson\r\n"
            f"Content-Length: {2 * len(line)}\r\nConnection: close\r\n\r\n".encode()
            + line
        )
        clock.sendall(f"{OPENING}{BEARER}Content-Length: 9\r\n\r\n".encode())
        assert b"408" in rest_of(clock)
        feed.sendall(line)
        assert b'"summary":{"lines":2' in rest_of(feed)


HEADERS = {
    "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/live"), ("GET", "/metrics"), ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/v1/board"),
     ("GET", "/v1/nothing"), ("DELETE", "/v1/board"), ("POST", "/v1/incidents"), ("GET", "/v1/incidents?limit=0"),
     ("POST", PUSH)],
)  # fmt: skip
def test_every_answer_tells_a_browser_to_take_no_liberties(
    client: httpx.Client, dispatch: Responder, method: str, path: str
) -> None:
    headers = client.request(method, path, headers={"Origin": "https://example.org"}).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert headers["cache-control"] == "no-store"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "server" not in headers
    assert not [name for name in headers if name.startswith("access-control-")]


def test_a_refused_connection_and_a_stream_have_the_same_headers(gateway: GatewayProcess, client: httpx.Client) -> None:
    with connected(gateway) as connection:
        connection.sendall(b"not http at all\r\n\r\n")
        answer = rest_of(connection).lower()
    for name, value in HEADERS.items():
        assert f"{name}: {value}".encode() in answer
    with client.stream("GET", "/v1/stream") as response:
        assert {name: response.headers[name] for name in HEADERS} == HEADERS


def test_another_sites_page_is_not_even_told_what_it_may_ask(client: httpx.Client) -> None:
    asking = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    response = client.options("/v1/incidents", headers=asking)
    assert response.status_code == 405
    assert not [name for name in response.headers if name.startswith("access-control-")]
