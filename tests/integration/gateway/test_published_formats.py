"""The published formats over HTTP: what is asked of the services, and what leaves."""

from __future__ import annotations

from typing import Any

import httpx

from tests.integration.gateway.responder import Handler, Responder, problem
from tests.support.incident_views import INCIDENT_ID, TEAM_ID, incident, team


def telling(view: dict[str, Any], *teams: dict[str, Any]) -> Handler:
    """Dispatch with one incident and some teams."""
    by_id = {each["team_id"]: each for each in teams}

    def answer(method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if method == "get_incident":
            return {"result": view}
        found = by_id.get(arguments["team"])
        return {"result": found} if found else {"problem": problem("unknown_team", 404)}

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
        ("get_team", {"team": TEAM_ID}),
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
