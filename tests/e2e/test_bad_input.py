"""Each bad input gets its own code, names its field and changes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.e2e.county import County

INSIDE = {"lat": 37.77, "lon": -122.42}


def draft(**changes: Any) -> dict[str, Any]:
    return {"source": "police", "category": "fight", "priority": 1, "location": dict(INSIDE), **changes}


def new_incident(county: County, **changes: Any) -> str:
    response = county.post("/v1/incidents", draft(**changes))
    assert response.status_code == httpx.codes.CREATED, response.text
    return str(response.json()["incident_id"])


def unknown_grid(county: County) -> httpx.Response:
    return county.post("/v1/incidents", draft(location={"grid_code": "99999999900199999"}))


def unknown_field(county: County) -> httpx.Response:
    return county.post("/v1/incidents", draft(colour="red"))


def missing_field(county: County) -> httpx.Response:
    body = draft()
    del body["category"]
    return county.post("/v1/incidents", body)


def unknown_category(county: County) -> httpx.Response:
    return county.post("/v1/incidents", draft(category="no_such_thing"))


def impossible_transition(county: County) -> httpx.Response:
    return county.post(f"/v1/incidents/{new_incident(county)}/archive")


def stamp_before_previous(county: County) -> httpx.Response:
    earlier = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    return county.post(f"/v1/incidents/{new_incident(county)}/push", {"occurred_at": earlier})


def stamp_in_future(county: County) -> httpx.Response:
    later = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    return county.post(f"/v1/incidents/{new_incident(county)}/push", {"occurred_at": later})


def stamp_without_offset(county: County) -> httpx.Response:
    return county.post(f"/v1/incidents/{new_incident(county)}/push", {"occurred_at": "2026-01-01T00:00:00"})


def unknown_incident(county: County) -> httpx.Response:
    return county.post(f"/v1/incidents/{uuid.uuid4()}/push")


def unknown_team(county: County) -> httpx.Response:
    incident = new_incident(county, push=True)
    return county.post(f"/v1/incidents/{incident}/assignments", {"team_id": str(uuid.uuid4())})


def five_megabytes(county: County) -> httpx.Response:
    return county.post("/v1/incidents", draft(summary="火" * (5 << 20)))


def wrong_utf8(county: County) -> httpx.Response:
    return county.client.post(
        "/v1/incidents", content=b'{"summary": "\xff\xfe"}', headers={"content-type": "application/json"}
    )


def broken_json(county: County) -> httpx.Response:
    return county.client.post("/v1/incidents", content=b"{", headers={"content-type": "application/json"})


def wrong_content_type(county: County) -> httpx.Response:
    return county.client.post(
        "/v1/incidents", content=b"a=b", headers={"content-type": "application/x-www-form-urlencoded"}
    )


def missing_token(county: County) -> httpx.Response:
    return httpx.post(f"{county.client.base_url}/v1/incidents", json=draft())


def wrong_token(county: County) -> httpx.Response:
    return county.client.post("/v1/incidents", json=draft(), headers={"authorization": "Bearer guessed"})


def key_used_for_another_body(county: County) -> httpx.Response:
    key = str(uuid.uuid4())
    county.post("/v1/incidents", draft(), idempotency_key=key)
    return county.post("/v1/incidents", draft(priority=2), idempotency_key=key)


def changed_meanwhile(county: County) -> httpx.Response:
    incident = new_incident(county)
    tag = county.client.get(f"/v1/incidents/{incident}").headers["ETag"]
    assert county.post(f"/v1/incidents/{incident}/note", {"note": "演示"}, if_match=tag).is_success
    return county.post(f"/v1/incidents/{incident}/note", {"note": "演示"}, if_match=tag)


def unknown_path(county: County) -> httpx.Response:
    return county.client.get("/v1/nothing")


CASES: list[tuple[Callable[[County], httpx.Response], int, str, str | None]] = [
    (unknown_grid, 422, "unknown_grid", "location.grid_code"),
    (unknown_field, 422, "unknown_field", "colour"),
    (missing_field, 422, "missing_field", "category"),
    (unknown_category, 422, "invalid_input", "category"),
    (impossible_transition, 409, "impossible_transition", None),
    (stamp_before_previous, 422, "stamp_before_previous", "occurred_at"),
    (stamp_in_future, 422, "stamp_in_future", "occurred_at"),
    (stamp_without_offset, 422, "invalid_input", "occurred_at"),
    (unknown_incident, 404, "unknown_incident", None),
    (unknown_team, 404, "unknown_team", None),
    (five_megabytes, 413, "payload_too_large", None),
    (wrong_utf8, 400, "invalid_utf8", None),
    (broken_json, 400, "invalid_json", None),
    (wrong_content_type, 415, "unsupported_media_type", None),
    (missing_token, 401, "missing_token", None),
    (wrong_token, 401, "invalid_token", None),
    (key_used_for_another_body, 422, "idempotency_key_reused", None),
    (changed_meanwhile, 412, "version_mismatch", "If-Match"),
    (unknown_path, 404, "unknown_path", None),
]


@pytest.mark.parametrize(("send", "status", "code", "field"), CASES, ids=[case[0].__name__ for case in CASES])
def test_bad_input_is_refused_with_its_own_code_and_the_field_it_is_about(
    county: County, send: Callable[[County], httpx.Response], status: int, code: str, field: str | None
) -> None:
    response = send(county)
    assert response.headers["content-type"].startswith("application/problem+json")
    problem = response.json()
    assert (response.status_code, problem["code"]) == (status, code), problem
    if field:
        assert problem["field"].endswith(field), problem


@pytest.mark.parametrize("send", [unknown_grid, unknown_field, five_megabytes, wrong_utf8, missing_token])
def test_a_refused_intake_leaves_no_incident(county: County, send: Callable[[County], httpx.Response]) -> None:
    before = county.query("dispatch", "SELECT count(*) FROM incident")
    send(county)
    assert county.query("dispatch", "SELECT count(*) FROM incident") == before


@pytest.mark.parametrize("stamp", ["earlier", "later"])
def test_a_refused_stamp_leaves_the_incident_as_it_was(county: County, stamp: str) -> None:
    incident = new_incident(county)
    before = county.get(f"/v1/incidents/{incident}")
    moment = datetime.now(UTC) + timedelta(minutes=5 if stamp == "later" else -5)
    refused = county.post(f"/v1/incidents/{incident}/push", {"occurred_at": moment.isoformat()})
    assert refused.is_error
    assert county.get(f"/v1/incidents/{incident}") == before
