"""The published formats over HTTP: what is asked of the services, and what leaves."""

from __future__ import annotations

from typing import Any

import httpx

from gateway.standards.eido import eido
from tests.contract.standards.cap_structure import faults
from tests.integration.gateway.responder import Handler, Responder, Silence, problem
from tests.support.incident_views import INCIDENT_ID, TEAM_ID, incident, team


def telling(view: dict[str, Any], *teams: dict[str, Any]) -> Handler:
    """Dispatch with one incident and some teams."""

    def answer(method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if method == "get_incident":
            return {"result": view}
        return {"result": {"teams": [each for each in teams if each["team_id"] in arguments["teams"]]}}

    return answer


def test_an_eido_is_made_of_the_incident_with_its_timeline_and_its_teams(
    client: httpx.Client, fresh: Responder
) -> None:
    fresh.handler = telling(incident(), team())
    response = client.get(f"/v1/incidents/{INCIDENT_ID}/eido")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    found = response.json()
    assert found["$id"] == f"urn:emergency:uid:incidentid:{INCIDENT_ID}:county.wangge.example"
    (unit,) = found["emergencyResourceComponent"]
    assert unit["emergencyResourceTypeCommonRegistryText"] == "GroundBLSAmbulance"
    asked = [(call.method, call.arguments) for call in fresh.seen]
    assert asked == [
        ("get_incident", {"incident": INCIDENT_ID, "include": ["timeline"]}),
        ("get_teams", {"teams": [TEAM_ID]}),
    ]


def test_a_team_that_the_caller_may_not_see_is_named_without_its_details(
    client: httpx.Client, fresh: Responder
) -> None:
    fresh.handler = telling(incident())
    (unit,) = client.get(f"/v1/incidents/{INCIDENT_ID}/eido").json()["emergencyResourceComponent"]
    assert unit["emergencyResourceName"] == "E39"
    assert unit["resourceAttributeRegistryText"] == []


def test_an_incident_that_nobody_knows_is_a_problem_in_every_format(client: httpx.Client, fresh: Responder) -> None:
    fresh.handler = lambda _method, _arguments: {"problem": problem("unknown_incident", 404)}
    response = client.get(f"/v1/incidents/{INCIDENT_ID}/eido")
    assert (response.status_code, response.json()["code"]) == (404, "unknown_incident")


def named(_method: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Registry that knows one grid."""
    return {"result": {"code": arguments["code"], "name_zh": "演示社区第一网格", "name_en": None}}


def test_a_warning_leaves_as_cap_with_the_name_of_its_grid(
    client: httpx.Client, fresh: Responder, registry: Responder
) -> None:
    fresh.handler = telling(incident(), team())
    registry.handler = named
    response = client.get(f"/v1/incidents/{INCIDENT_ID}/cap")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/cap+xml")
    assert faults(response.content) == []
    assert "<areaDesc>演示社区第一网格</areaDesc>" in response.content.decode()


def test_a_warning_leaves_without_the_name_when_registry_does_not_answer(
    client: httpx.Client, fresh: Responder, registry: Responder
) -> None:
    def silent(_method: str, _arguments: dict[str, Any]) -> dict[str, Any]:
        raise Silence

    fresh.handler, registry.handler = telling(incident()), silent
    response = client.get(f"/v1/incidents/{INCIDENT_ID}/cap")
    assert (response.status_code, faults(response.content)) == (200, [])
    assert "<areaDesc>示例路1号</areaDesc>" in response.content.decode()


def test_what_is_neither_warning_nor_drill_has_no_alert(client: httpx.Client, fresh: Responder) -> None:
    fresh.handler = telling(incident(category="self_harm_risk"))
    response = client.get(f"/v1/incidents/{INCIDENT_ID}/cap")
    assert (response.status_code, response.json()["code"]) == (404, "no_alert")


def test_an_eido_that_is_posted_becomes_an_incident_under_its_own_number(
    client: httpx.Client, fresh: Responder
) -> None:
    answer = {"ok": True, "status": 201, "replayed": False, "result": {"incident_id": INCIDENT_ID, "version": 2}}
    fresh.handler = lambda _method, _arguments: {"result": {"answers": [answer]}}
    sent = eido(incident(), {}, "dispatch.neighbour.example")
    response = client.post("/v1/eido", json=sent, headers={"Idempotency-Key": "eido-1"})
    assert (response.status_code, response.headers["Location"]) == (201, f"/v1/incidents/{INCIDENT_ID}")
    (command,) = fresh.commands()
    assert (command["command"], command["key"]) == ("incident.create", "eido-1")
    assert command["data"]["reference"] == {"system": "eido-dispatch-neighbour-example", "number": INCIDENT_ID}


def test_an_eido_that_cannot_be_read_is_refused_by_its_member_and_costs_no_call(
    client: httpx.Client, fresh: Responder
) -> None:
    response = client.post("/v1/eido", json={**eido(incident(), {}, "a.example"), "eidoVersion": "2.0"})
    assert (response.status_code, response.json()["field"]) == (422, "eidoVersion")
    assert fresh.seen == []
