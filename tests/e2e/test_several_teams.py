"""A collision with injured at three in the morning: one call to the API sends a patrol and an ambulance."""

from __future__ import annotations

from typing import Any

import httpx

from tests.e2e.county import County

HERE = {"lat": 37.788686, "lon": -122.412449}
NEEDED = ["patrol", "medical"]


def test_one_command_sends_who_the_recommendation_has_chosen(county: County) -> None:
    draft = {"source": "police", "category": "traffic_collision_injury", "location": HERE, "push": True}
    incident = str(county.post("/v1/incidents", draft).json()["incident_id"])
    recommended = county.get(f"/v1/incidents/{incident}/recommendations")
    chosen = [each for each in recommended["candidates"] if each["chosen"]]
    assert (recommended["skills"], recommended["missing_skills"]) == (NEEDED, [])
    response = county.post(f"/v1/incidents/{incident}/assignments", {"auto": True})
    assert response.status_code == httpx.codes.CREATED, response.text
    sent = response.json()["assignments"]
    assert [each["team_id"] for each in sent] == [each["team_id"] for each in chosen]
    assert {skill for each in sent for skill in each["skills"]} == set(NEEDED)
    assert response.json()["assignment_id"] == sent[0]["assignment_id"]
    assert _on_the_board(county, incident)["missing_skills"] == []
    _call_back(county, incident)


def test_whom_the_centre_takes_back_is_missing_until_it_asks_again(county: County) -> None:
    draft = {"source": "police", "category": "traffic_collision_injury", "location": HERE, "push": True}
    incident = str(county.post("/v1/incidents", draft).json()["incident_id"])
    sent = county.post(f"/v1/incidents/{incident}/assignments", {"auto": True}).json()["assignments"]
    ambulance = next(each for each in sent if each["skills"] == ["medical"])
    county.post(f"/v1/assignments/{ambulance['assignment_id']}/withdraw", {"reason": "改派"})
    assert _on_the_board(county, incident)["missing_skills"] == ["medical"]
    again = county.post(f"/v1/incidents/{incident}/assignments", {"auto": True}).json()["assignments"]
    assert [each["skills"] for each in again] == [["medical"]]
    _call_back(county, incident)


def _on_the_board(county: County, incident: str) -> dict[str, Any]:
    shown = county.get("/v1/board")["open_incidents"]
    return next(dict(each) for each in shown if each["incident_id"] == incident)


def _call_back(county: County, incident: str) -> None:
    """So that the teams are free for other tests of the same county."""
    county.post(f"/v1/incidents/{incident}/cancel", {"reason": "演练结束"})
