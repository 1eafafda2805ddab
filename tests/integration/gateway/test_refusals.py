"""Each bad input has its own code, names the field at fault, and reaches no service."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.integration.gateway.responder import Responder
from tests.integration.gateway.running import GatewayProcess
from tests.support.vhosts import VhostFactory

INCIDENT = "0190a0c2-7e1a-7000-8000-0000000000aa"
PUSH = f"/v1/incidents/{INCIDENT}/push"
DRAFT: dict[str, Any] = {"source": "police", "category": "medical", "location": {"lat": 29.08, "lon": 119.64}}
JSON = {"Content-Type": "application/json"}
GBK = {"Content-Type": "application/json; charset=gbk"}
Send = Callable[[httpx.Client], httpx.Response]


def post(body: Any, path: str = "/v1/incidents", **headers: str) -> Send:
    return lambda client: client.post(path, json=body, headers=headers)


def raw(body: bytes, path: str = "/v1/incidents", **headers: str) -> Send:
    return lambda client: client.post(path, content=body, headers=JSON | headers)


def get(path: str) -> Send:
    return lambda client: client.get(path)


def chunked(size: int) -> Send:
    def pieces() -> Iterator[bytes]:
        yield b'{"summary": "'
        for _ in range(size // 65_536):
            yield b"x" * 65_536
        yield b'"}'

    return lambda client: client.post("/v1/incidents", content=pieces(), headers=JSON)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in DRAFT.items() if key != name}


CASES: dict[str, tuple[Send, int, str, str | None]] = {
    "unknown path": (get("/v1/nothing"), 404, "unknown_path", None),
    "slash at the end": (get("/v1/incidents/"), 404, "unknown_path", None),
    "wrong method": (lambda client: client.delete("/v1/incidents"), 405, "method_not_allowed", None),
    "wrong utf-8": (raw(b'{"summary": "\xff\xfe"}'), 400, "invalid_utf8", None),
    "half a surrogate pair": (raw(b'{"summary": "\\ud800"}'), 400, "invalid_json", None),
    "broken json": (raw(b'{"source": '), 400, "invalid_json", None),
    "not an object": (raw(b"[1]"), 400, "invalid_json", None),
    "NaN": (raw(b'{"priority": NaN}'), 400, "invalid_json", None),
    "nested too deep": (raw(b'{"a":' * 5000 + b"1" + b"}" * 5000), 400, "invalid_json", None),
    "a form": (raw(b"a=b", **{"Content-Type": "text/plain"}), 415, "unsupported_media_type", "Content-Type"),
    "no content type": (raw(b"{}", **{"Content-Type": ""}), 415, "unsupported_media_type", "Content-Type"),
    "another charset": (raw(b"{}", **GBK), 415, "unsupported_media_type", "Content-Type"),
    "compressed": (raw(b"{}", **{"Content-Encoding": "gzip"}), 415, "unsupported_media_type", "Content-Encoding"),
    "5 MB": (raw(b'{"summary": "' + b"x" * (5 << 20) + b'"}'), 413, "payload_too_large", None),
    "5 MB in chunks": (chunked(5 << 20), 413, "payload_too_large", None),
    "unknown field": (post({**DRAFT, "colour": "red"}), 422, "unknown_field", "colour"),
    "unknown field inside": (post({**DRAFT, "location": {"alt": 3}}), 422, "unknown_field", "location.alt"),
    "missing field": (post(without("category")), 422, "missing_field", "category"),
    "unknown category": (post({**DRAFT, "category": "ufo"}), 422, "invalid_input", "category"),
    "latitude of a text": (post({**DRAFT, "location": {"lat": "1", "lon": 2}}), 422, "invalid_input", "location.lat"),
    "time without offset": (post({"occurred_at": "2026-01-01T00:00:00"}, PUSH), 422, "invalid_input", "occurred_at"),
    "time that is none": (post({"occurred_at": "yesterday"}, PUSH), 422, "invalid_input", "occurred_at"),
    "unknown query parameter": (get("/v1/incidents?colour=red"), 422, "unknown_field", "colour"),
    "query on a command": (post({}, PUSH + "?force=true"), 422, "unknown_field", "force"),
    "bad query value": (get("/v1/incidents?limit=0"), 422, "invalid_input", "limit"),
    "query value twice": (get("/v1/incidents?limit=1&limit=2"), 422, "invalid_input", "limit"),
    "one bad value of several": (get("/v1/incidents?state=pushed,lost"), 422, "invalid_input", "state"),
    "member no incident has": (get("/v1/incidents?fields=state,colour"), 422, "unknown_field", "fields"),
    "no member at all": (get("/v1/incidents?fields="), 422, "unknown_field", "fields"),
    "missing query parameter": (get("/v1/locate?lat=1"), 422, "missing_field", "lon"),
    "latitude that is no number": (get("/v1/locate?lat=nan&lon=1"), 422, "invalid_input", "lat"),
    "time in a query": (get("/v1/sla/report?from=2026-01-01"), 422, "invalid_input", "from"),
    "id that is none": (get("/v1/incidents/17"), 422, "invalid_input", "incident"),
    "grid code that is none": (get("/v1/grids/abc"), 422, "invalid_input", "code"),
    "empty key": (post(DRAFT, **{"Idempotency-Key": ""}), 422, "invalid_idempotency_key", "Idempotency-Key"),
    "endless key": (post(DRAFT, **{"Idempotency-Key": "k" * 201}), 422, "invalid_idempotency_key", "Idempotency-Key"),
    "offset that is none": (get("/v1/stream?after=soon"), 422, "invalid_input", "after"),
    "type that is no glob": (get("/v1/stream?type=[a"), 422, "invalid_input", "type"),
    "jurisdiction that is none": (get("/v1/stream?jurisdiction=x"), 422, "invalid_input", "jurisdiction"),
    "unknown filter": (get("/v1/stream?colour=red"), 422, "unknown_field", "colour"),
    "feed of json": (raw(b"{}", "/v1/feed"), 415, "unsupported_media_type", "Content-Type"),
}  # fmt: skip


@pytest.mark.parametrize(("send", "status", "code", "field"), CASES.values(), ids=CASES.keys())
def test_bad_input_is_refused_with_its_own_code_and_field_and_reaches_no_service(
    client: httpx.Client, fresh: Responder, send: Send, status: int, code: str, field: str | None
) -> None:
    response = send(client)
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code), problem
    assert problem.get("field") == field, problem
    assert problem["request_id"] == response.headers["X-Request-ID"]
    assert problem["type"] == f"urn:wangge:problem:{code}"
    assert fresh.seen == []


def test_a_member_that_no_incident_has_is_named_with_those_there_are(client: httpx.Client) -> None:
    problem = client.get("/v1/incidents?fields=state,colour").json()
    assert problem["rule"] == "one_of"
    assert problem["detail"].startswith("fields: there is no colour; there are ")
    assert "incident_id, version, state" in problem["detail"]


def test_the_title_is_chinese_first(client: httpx.Client) -> None:
    assert client.get("/v1/nothing").json()["title"] == "没有此路径 · No such path"


def test_a_wrong_method_is_told_the_right_ones(client: httpx.Client) -> None:
    assert client.delete("/v1/incidents").headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "missing_token"),
        ("", "missing_token"),
        ("Bearer", "missing_token"),
        ("Basic dTpw", "missing_token"),
        ("Bearer guessed", "invalid_token"),
        ("Bearer 令牌".encode(), "invalid_token"),
    ],
)
def test_a_call_without_the_token_is_refused_before_anything_is_read(
    gateway: GatewayProcess, fresh: Responder, authorization: str | bytes | None, code: str
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for path in ("/v1/incidents", "/v1/feed"):
        response = httpx.post(gateway.url + path, content=b"\xff", headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, code)
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert fresh.seen == []


def test_a_connection_survives_a_refused_5_mb_body(client: httpx.Client) -> None:
    assert raw(b" " * (5 << 20))(client).status_code == 413
    assert client.get("/live").status_code == 200


def test_a_request_id_that_could_forge_a_log_line_is_replaced(client: httpx.Client) -> None:
    found = client.get("/v1/nothing", headers={"X-Request-ID": 'x" injected="y'}).headers["X-Request-ID"]
    assert uuid.UUID(found).version == 7


def test_a_service_nobody_runs_is_a_503_with_retry_after(
    new_vhost: VhostFactory, new_gateway: Callable[..., GatewayProcess]
) -> None:
    gateway = new_gateway(new_vhost(), WANGGE_READ_SECONDS="0.3")
    with gateway.client() as client:
        response = client.get("/v1/board")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.headers["Retry-After"] == "1"
    assert response.json()["retryable"] is True
