"""`POST /v1/feed`: a stream of commands in, their answers out, whatever the client, the lines or dispatch do."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from tests.integration.gateway.responder import Death, Responder, Silence, accepted, accepting, problem
from tests.integration.gateway.running import TOKEN, GatewayProcess
from tests.support.eventually import eventually
from tests.support.vhosts import VhostFactory

HEADERS = {"Content-Type": "application/x-ndjson"}


def command(number: int) -> dict[str, Any]:
    return {"command": "incident.push", "key": f"k{number}", "incident": f"police110:{number}"}


def lines(count: int) -> bytes:
    return b"".join(json.dumps(command(number)).encode() + b"\n" for number in range(1, count + 1))


def feed(client: httpx.Client, body: bytes | Iterator[bytes]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The answers and the summary."""
    response = client.post("/v1/feed", content=body, headers=HEADERS)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    *answers, last = [json.loads(line) for line in response.text.splitlines()]
    return answers, last["summary"]


def slow_reader(gateway: GatewayProcess) -> socket.socket:
    """A connection whose receive buffer is as small as the kernel allows, with the request's head sent."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", gateway.port))
    head = (
        "POST /v1/feed HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
        f"Authorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    connection.sendall(head.encode())
    return connection


def spooled_bytes(gateway: GatewayProcess) -> float:
    """Bytes of answers that wait on the gateway's disk."""
    metrics = httpx.get(f"{gateway.url}/metrics").text
    (line,) = [line for line in metrics.splitlines() if line.startswith("wangge_gateway_feed_spooled_bytes ")]
    return float(line.split()[1])


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def decoded(answer: bytes) -> list[dict[str, Any]]:
    """The lines in a chunked HTTP answer."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        body += rest[:length]
        rest = rest[length + 2 :]
    return [json.loads(line) for line in body.splitlines()]


def test_every_line_is_answered_in_order_with_its_number(client: httpx.Client, fresh: Responder) -> None:
    answers, summary = feed(client, lines(1203))
    assert [answer["line"] for answer in answers] == list(range(1, 1204))
    assert [answer["result"]["key"] for answer in answers] == [f"k{number}" for number in range(1, 1204)]
    assert all(answer["ok"] for answer in answers)
    assert summary.pop("seconds") > 0
    assert summary == {"lines": 1203, "accepted": 1203, "waiting": 0, "refused": 0, "replayed": 0, "unavailable": 0}
    assert [entry["key"] for entry in fresh.commands()] == [f"k{number}" for number in range(1, 1204)]
    assert max(len(call.arguments["commands"]) for call in fresh.seen) <= 500


def test_lines_travel_as_they_are_without_a_full_view_in_the_answer(client: httpx.Client, fresh: Responder) -> None:
    entry = {**command(1), "occurred_at": "2026-01-02T03:04:05Z", "data": {"note": "x"}}
    feed(client, json.dumps(entry).encode())
    assert fresh.commands() == [entry]


def test_a_line_that_cannot_be_read_gets_its_problem_and_the_others_go_on(
    client: httpx.Client, fresh: Responder
) -> None:
    good = json.dumps(command(1)).encode()
    body = b"\n".join([good, b"{", b'{"a": "\xff"}', b"", b"[]", b'"' + b"x" * 70_000 + b'"', good + b"\r", good])
    answers, summary = feed(client, body)
    assert [(answer["line"], answer.get("problem", {}).get("code")) for answer in answers] == [
        (1, None),
        (2, "invalid_json"),
        (3, "invalid_utf8"),
        (5, "invalid_json"),
        (6, "payload_too_large"),
        (7, None),
        (8, None),
    ]
    assert (summary["lines"], summary["accepted"], summary["refused"]) == (7, 3, 4)


def test_a_line_longer_than_the_limit_is_never_held(client: httpx.Client, fresh: Responder) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * 65_536
        yield b"\n" + json.dumps(command(2)).encode()

    answers, _ = feed(client, endless())
    assert [(answer["line"], answer["ok"]) for answer in answers] == [(1, False), (2, True)]


def test_a_refused_command_is_answered_in_its_place(client: httpx.Client, fresh: Responder) -> None:
    def every_third(_method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        refused = {"ok": False, "replayed": False, "problem": problem("impossible_transition", 409)}
        return {
            "result": {
                "answers": [
                    refused if int(entry["key"][1:]) % 3 == 0 else accepted(entry) for entry in arguments["commands"]
                ]
            }
        }

    fresh.handler = every_third
    answers, summary = feed(client, lines(600))
    assert all(answer["ok"] == (answer["line"] % 3 != 0) for answer in answers)
    assert (summary["accepted"], summary["refused"]) == (400, 200)


def test_an_empty_feed_is_answered_with_a_summary(client: httpx.Client, fresh: Responder) -> None:
    answers, summary = feed(client, b"")
    assert (answers, summary["lines"]) == ([], 0)


def test_an_answer_comes_while_the_body_is_still_open(gateway: GatewayProcess, fresh: Responder) -> None:
    with slow_reader(gateway) as connection:
        connection.sendall(chunk(lines(1)))
        had = b""
        while b'"line":1' not in had:
            had += connection.recv(4096)
        connection.sendall(chunk(json.dumps(command(2)).encode()) + b"0\r\n\r\n")
        while piece := connection.recv(4096):
            had += piece
    answers = decoded(had)
    assert [answer.get("line") for answer in answers] == [1, 2, None]


def test_a_client_that_sends_25000_lines_before_it_reads_does_not_deadlock(
    gateway: GatewayProcess, fresh: Responder
) -> None:
    def long_answers(_method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"result": {"answers": [{**accepted(entry), "pad": "x" * 400} for entry in arguments["commands"]]}}

    fresh.handler = long_answers
    before = gateway.memory_bytes()
    with slow_reader(gateway) as connection:
        body = lines(25_000)
        for start in range(0, len(body), 100_000):
            connection.sendall(chunk(body[start : start + 100_000]))
        connection.sendall(b"0\r\n\r\n")
        eventually(lambda: len(fresh.commands()) == 25_000, within=30)
        grown = gateway.memory_bytes() - before
        had = bytearray()
        while piece := connection.recv(1 << 16):
            had += piece
    answers = decoded(bytes(had))
    assert [answer["line"] for answer in answers[:-1]] == list(range(1, 25_001))
    assert answers[-1]["summary"]["accepted"] == 25_000
    assert len(had) > 12_000_000
    assert grown < 24_000_000


def test_past_the_limit_on_disk_the_gateway_stops_reading_and_goes_on_when_answers_are_read(
    vhost: str, fresh: Responder, new_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = new_gateway(vhost, WANGGE_FEED_SPOOL_BYTES="200000")
    body = lines(60_000)
    with slow_reader(gateway) as connection:

        def send() -> None:
            for start in range(0, len(body), 50_000):
                connection.sendall(chunk(body[start : start + 50_000]))
            connection.sendall(b"0\r\n\r\n")

        sender = threading.Thread(target=send)
        sender.start()
        had = bytearray()
        eventually(lambda: spooled_bytes(gateway) >= 200_000, within=20)
        assert len(fresh.commands()) < 60_000
        while piece := connection.recv(1 << 16):
            had += piece
        sender.join(10)
    assert decoded(bytes(had))[-1]["summary"]["accepted"] == 60_000


def test_a_feed_survives_a_dispatch_that_goes_away_and_comes_back(
    new_vhost: VhostFactory, new_gateway: Callable[..., GatewayProcess]
) -> None:
    vhost = new_vhost()
    gateway = new_gateway(vhost)
    goes_after = 2
    asked = threading.Event()

    def dies_in_the_third_batch(method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if len(first.seen) > goes_after:
            asked.set()
            raise Death
        return accepting(method, arguments)

    result: list[Any] = []
    first = Responder(vhost, "dispatch", dies_in_the_third_batch)
    with gateway.client(timeout=60) as client:
        sending = threading.Thread(target=lambda: result.append(feed(client, lines(4000))))
        with first:
            sending.start()
            assert asked.wait(20)
        with Responder(vhost, "dispatch", accepting) as second:
            sending.join(45)
    answers, summary = result[0]
    assert (summary["lines"], summary["accepted"]) == (4000, 4000)
    lost = {entry["key"] for entry in first.commands()[1000:]}
    assert lost
    assert lost <= {entry["key"] for entry in second.commands()}
    assert [answer["line"] for answer in answers] == list(range(1, 4001))


def test_when_dispatch_stays_away_every_later_line_is_unavailable_and_none_is_tried_out_of_order(
    client: httpx.Client, fresh: Responder
) -> None:
    def silent_from_the_second_batch(method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["commands"][0]["key"] != "k1":
            raise Silence
        return accepting(method, arguments)

    fresh.handler = silent_from_the_second_batch
    started = time.monotonic()
    answers, summary = feed(client, lines(2000))
    assert time.monotonic() - started < 8
    tried = {entry["key"] for entry in fresh.commands()}
    assert summary["accepted"] + summary["unavailable"] == 2000
    assert summary["unavailable"] >= 1500
    codes = {answer["problem"]["code"] for answer in answers if not answer["ok"]}
    assert codes == {"unavailable"}
    assert "k2000" not in tried


def test_a_batch_that_dispatch_refuses_as_a_whole_is_refused_line_by_line(
    client: httpx.Client, fresh: Responder
) -> None:
    fresh.handler = lambda _method, _arguments: {"problem": problem("forbidden", 403)}
    answers, summary = feed(client, lines(3))
    assert [answer["problem"]["code"] for answer in answers] == ["forbidden"] * 3
    assert summary["refused"] == 3


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(
    gateway: GatewayProcess, fresh: Responder, client: httpx.Client
) -> None:
    with slow_reader(gateway) as connection:
        connection.sendall(chunk(lines(100)))
        eventually(lambda: len(fresh.commands()) == 100)
    assert client.get("/live").status_code == 200
    answers, _ = feed(client, lines(10))
    assert len(answers) == 10
