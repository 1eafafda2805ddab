"""Open311 over HTTP: who may ask, what dispatch is asked, and errors in Open311's form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from gateway.standards.open311 import SERVICES
from tests.integration.gateway.responder import Handler, Responder, problem
from tests.integration.gateway.running import TOKEN, GatewayProcess
from tests.support.incident_views import INCIDENT_ID, OTHER_ID, incident, stamp

API = "/open311/v2"
FORM = {
    "service_code": "manhole",
    "lat": "29.08",
    "long": "119.64",
    "attribute[danger]": "no",
    "description": "井盖不见了",
}


@pytest.fixture
def stranger(gateway: GatewayProcess) -> Iterator[httpx.Client]:
    """A client without a token."""
    with httpx.Client(base_url=gateway.url, timeout=15) as client:
        yield client


def created(_method: str, _arguments: dict[str, Any]) -> dict[str, Any]:
    answer = {"ok": True, "status": 201, "replayed": False, "result": {"incident_id": INCIDENT_ID, "version": 2}}
    return {"result": {"answers": [answer]}}


def received(second: int, **changes: Any) -> dict[str, Any]:
    return incident(category="manhole", stamps={"received": stamp(second)}, assignments=[], **changes)


def holding(**lists: list[dict[str, Any]]) -> Handler:
    """Dispatch with lists by category, two incidents a page; the cursor is the number of the first."""

    def answer(method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        assert method == "list_incidents"
        whole, start = lists.get(arguments["category"], []), int(arguments.get("cursor", 0))
        more = start + 2 < len(whole)
        return {"result": {"incidents": whole[start : start + 2], "next_cursor": str(start + 2) if more else None}}

    return answer


def test_anybody_may_read_the_service_guide_in_both_forms(stranger: httpx.Client) -> None:
    listed = stranger.get(f"{API}/services.json")
    assert (listed.status_code, listed.headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert [service["service_code"] for service in listed.json()] == list(SERVICES)
    xml = stranger.get(f"{API}/services.xml", params={"jurisdiction_id": "county.wangge.example"})
    assert xml.headers["content-type"] == "text/xml; charset=utf-8"
    assert len(ET.fromstring(xml.content)) == len(SERVICES)  # noqa: S314 our own output
    definition = stranger.get(f"{API}/services/manhole.json").json()
    assert [each["code"] for each in definition["attributes"]] == ["danger", "since"]


def test_discovery_says_where_the_interface_is(stranger: httpx.Client, gateway: GatewayProcess) -> None:
    (endpoint,) = stranger.get("/open311/discovery.json").json()["endpoints"]
    assert endpoint["url"] == f"{gateway.url}{API}"
    assert stranger.get(f"{endpoint['url']}/services.json").status_code == 200
    xml = ET.fromstring(stranger.get("/open311/discovery.xml").content)  # noqa: S314 our own output
    assert [each.text for each in xml.findall("endpoints/endpoint/formats/format")] == ["text/xml", "application/json"]


@pytest.mark.parametrize(
    "path", ["services/fraud.json", "services/nothing.json", "services.json?jurisdiction_id=elsewhere.example"]
)
def test_what_is_not_there_is_a_404_in_open311s_form(stranger: httpx.Client, path: str) -> None:
    response = stranger.get(f"{API}/{path}")
    assert response.status_code == 404
    assert response.json()[0]["code"] == 404


@pytest.mark.parametrize("key", [None, "", "wrong"])
def test_without_the_right_key_nothing_is_taken_and_nothing_is_shown(
    stranger: httpx.Client, fresh: Responder, key: str | None
) -> None:
    given = {} if key is None else {"api_key": key}
    posted = stranger.post(f"{API}/requests.xml", data={**FORM, **given})
    assert posted.status_code == 403
    assert ET.fromstring(posted.content).findtext("error/code") == "403"  # noqa: S314 our own output
    for path in ("requests.json", f"requests/{INCIDENT_ID}.json"):
        shown = stranger.get(f"{API}/{path}", params=given)
        assert (shown.status_code, shown.json()[0]["code"]) == (403, 403)
    assert fresh.seen == []


def test_a_posted_request_is_an_incident_whose_id_is_the_request_id(stranger: httpx.Client, fresh: Responder) -> None:
    fresh.handler = created
    response = stranger.post(
        f"{API}/requests.json", data={**FORM, "api_key": TOKEN}, headers={"Idempotency-Key": "report-1"}
    )
    assert response.status_code == 200
    (made,) = response.json()
    assert made["service_request_id"] == INCIDENT_ID
    assert response.headers["Idempotency-Key"] == "report-1"
    (command,) = fresh.commands()
    assert (command["command"], command["key"]) == ("incident.create", "report-1")
    assert command["data"]["source"] == "resident"
    assert command["data"]["location"] == {"lat": 29.08, "lon": 119.64}


def test_a_posted_request_is_answered_in_xml(client: httpx.Client, fresh: Responder) -> None:
    fresh.handler = created
    root = ET.fromstring(client.post(f"{API}/requests.xml", data=FORM).content)  # noqa: S314 our own output
    assert (root.tag, root.findtext("request/service_request_id")) == ("service_requests", INCIDENT_ID)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lat": "91"}, "lat: "),
        ({"long": ""}, "long: "),
        ({"description": "长" * 2001}, "description: "),
        ({"address_id": "x"}, "address_id: "),
        ({"phone": "1" * 33}, "phone: "),
    ],
)
def test_a_bad_value_is_named_as_its_sender_named_it_and_costs_no_call(
    client: httpx.Client, fresh: Responder, change: dict[str, str], said: str
) -> None:
    response = client.post(f"{API}/requests.json", data={**FORM, **change})
    assert response.status_code == 400
    assert said in response.json()[0]["description"]
    assert fresh.seen == []


def test_what_is_no_form_or_no_utf8_or_too_large_is_a_400(client: httpx.Client, fresh: Responder) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for response in (
        client.post(f"{API}/requests.json", json=FORM),
        client.post(f"{API}/requests.json", content=b"description=%ff", headers=form),
        client.post(f"{API}/requests.json", content=b"x=1&" * 101, headers=form),
        client.post(f"{API}/requests.json", content=b"x=" + b"1" * 70_000, headers=form),
    ):
        assert (response.status_code, response.json()[0]["code"]) == (400, 400)
    assert fresh.seen == []


def test_a_refusal_of_dispatch_leaves_in_open311s_form(client: httpx.Client, fresh: Responder) -> None:
    refusal = problem("unknown_grid", 422, field="data.location.grid_code", detail="there is no grid 99")
    fresh.handler = lambda _m, _a: {"result": {"answers": [{"ok": False, "replayed": False, "problem": refusal}]}}
    response = client.post(f"{API}/requests.json", data={**FORM, "address_id": "99"})
    assert response.status_code == 400
    assert "address_id: there is no grid 99" in response.json()[0]["description"]


def test_dispatch_away_is_a_503_that_says_when_to_come_again(client: httpx.Client, fresh: Responder) -> None:
    fresh.handler = lambda _m, _a: {"problem": problem("unavailable", 503, retryable=True)}
    response = client.get(f"{API}/requests/{INCIDENT_ID}.json")
    assert (response.status_code, response.json()[0]["code"]) == (503, 503)
    assert response.headers["Retry-After"] == "1"


def test_one_request_is_shown_unless_it_is_another_kind_of_incident(client: httpx.Client, fresh: Responder) -> None:
    fresh.handler = lambda _m, _a: {"result": incident(category="manhole")}
    (found,) = client.get(f"{API}/requests/{INCIDENT_ID}.json").json()
    assert (found["service_request_id"], found["status"]) == (INCIDENT_ID, "open")
    fresh.handler = lambda _m, _a: {"result": incident(category="domestic_violence")}
    assert client.get(f"{API}/requests/{INCIDENT_ID}.json").status_code == 404


def test_several_requests_are_read_by_their_ids_and_what_is_not_there_is_left_out(
    client: httpx.Client, fresh: Responder
) -> None:
    def answer(_method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        known = arguments["incident"] == INCIDENT_ID
        return {"result": incident(category="manhole")} if known else {"problem": problem("unknown_incident", 404)}

    fresh.handler = answer
    found = client.get(f"{API}/requests.json", params={"service_request_id": f"{INCIDENT_ID},{OTHER_ID}"}).json()
    assert [each["service_request_id"] for each in found] == [INCIDENT_ID]


def test_requests_of_every_service_come_newest_first_over_all_pages(client: httpx.Client, fresh: Responder) -> None:
    fresh.handler = holding(
        manhole=[received(second) for second in (900, 700, 500, 300, 100)],
        noise=[received(second) for second in (800, 200)], flood=[received(600)],
    )  # fmt: skip
    found = client.get(f"{API}/requests.json").json()
    times = [each["requested_datetime"] for each in found]
    assert len(times) == 8
    assert times == sorted(times, reverse=True)
    assert {call.arguments["category"] for call in fresh.seen} == set(SERVICES)
    assert {call.arguments["exercise"] for call in fresh.seen} == {"exclude"}


def test_requests_are_narrowed_by_service_span_and_status(client: httpx.Client, fresh: Responder) -> None:
    fresh.handler = holding(manhole=[received(20), received(10, state="resolved")])
    asked = {
        "service_code": "manhole,noise",
        "start_date": "2026-01-01T00:00:00Z",
        "end_date": "2026-02-01T08:00:00+08:00",
    }
    both = client.get(f"{API}/requests.json", params={**asked, "status": ""}).json()
    assert [each["status"] for each in both] == ["open", "closed"]
    (closed,) = client.get(f"{API}/requests.json", params={**asked, "status": "closed"}).json()
    assert closed["status"] == "closed"
    assert [call.arguments["category"] for call in fresh.seen] == ["manhole", "noise"] * 2
    assert {call.arguments["since"] for call in fresh.seen} == {"2026-01-01T00:00:00.000000Z"}
    assert {call.arguments["until"] for call in fresh.seen} == {"2026-02-01T00:00:00.000001Z"}


@pytest.mark.parametrize(
    "query",
    ["status=half", "start_date=yesterday", "start_date=2026-01-01T00:00:00Z&end_date=2026-06-01T00:00:00Z", "x=1"],
)
def test_a_question_that_cannot_be_understood_is_a_400(client: httpx.Client, fresh: Responder, query: str) -> None:
    response = client.get(f"{API}/requests.json?{query}")
    assert (response.status_code, response.json()[0]["code"]) == (400, 400)
    assert fresh.seen == []
