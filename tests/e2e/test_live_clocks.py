"""A live incident left alone at each stage warns at 80 %, breaches at 100 % and climbs the tree, to the moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.county import County
from tests.support.eventually import eventually
from tests.support.machine import crowding

TARGETS = {"push": 2.0, "assign": 2.0, "arrive": 3.0}
"""Seconds: the clocks are the same code whatever the length; `115` itself takes minutes to leave alone."""
ON_TIME_SECONDS = 0.1
# In a community whose station never closes: two levels below the county at any hour of the day.
HERE = {"lat": 37.788686, "lon": -122.412449}


@pytest.fixture(scope="module")
def impatient(county: County, tmp_path_factory: pytest.TempPathFactory) -> County:
    """The county with a policy of second-long targets for incidents that sensors report."""
    file = tmp_path_factory.mktemp("policy") / "impatient.json"
    rules = {"match": [{"sources": ["sensor"], "categories": ["gas_leak"]}], "targets": TARGETS, "answer_seconds": 60}
    file.write_text(json.dumps({"impatient": rules}), encoding="utf-8")
    county.wangge("policy", "put", str(file))

    def in_force() -> bool:
        return new_incident(county)["policy"] == "impatient"

    eventually(in_force, within=10)
    return county


def new_incident(county: County, **changes: Any) -> dict[str, Any]:
    draft = {"source": "sensor", "category": "gas_leak", "priority": 1, "location": dict(HERE), **changes}
    response = county.post("/v1/incidents", draft)
    assert response.status_code == httpx.codes.CREATED, response.text
    return dict(response.json()["incident"])


def left_at_received(county: County) -> str:
    return str(new_incident(county)["incident_id"])


def left_at_pushed(county: County) -> str:
    return str(new_incident(county, push=True)["incident_id"])


def left_at_assigned(county: County) -> str:
    incident = left_at_pushed(county)
    recommended = county.get(f"/v1/incidents/{incident}/recommendations")["candidates"]
    response = county.post(f"/v1/incidents/{incident}/assignments", {"team_id": recommended[0]["team_id"]})
    assert response.status_code == httpx.codes.CREATED, response.text
    return incident


@pytest.mark.parametrize(
    ("stage", "leave"), [("push", left_at_received), ("assign", left_at_pushed), ("arrive", left_at_assigned)]
)
def test_an_incident_left_alone_warns_breaches_on_the_moment_and_climbs_twice(
    impatient: County, stage: str, leave: Callable[[County], str]
) -> None:
    incident = leave(impatient)
    told = told_of(impatient, incident, stage)
    eventually(lambda: len([one for one in told() if one["type"] == "escalated"]) >= 2, within=15)
    warned, breached, *climbs = [entry for entry in told() if entry["type"] != "received"][:4]
    assert [warned["type"], breached["type"], *(one["type"] for one in climbs)] == [
        "clock_warned", "breached", "escalated", "escalated",
    ]  # fmt: skip
    clock = clock_of(impatient, incident, stage)
    began = moment(clock["started_at"])
    assert lateness(warned, began, 0.8 * TARGETS[stage]) < ON_TIME_SECONDS * crowding()
    assert lateness(breached, began, TARGETS[stage]) < ON_TIME_SECONDS * crowding()
    assert lateness(climbs[1], began, 2 * TARGETS[stage]) < ON_TIME_SECONDS * crowding()
    first, second = (one["body"]["data"] for one in climbs)
    assert first["to_code"] == second["from_code"]
    assert first["from_code"].startswith(first["to_code"])
    assert first["to_code"].startswith(second["to_code"])
    rows = breaches_of(impatient, incident, stage)
    assert len(rows) == 1


def test_a_stage_reported_late_that_happened_in_time_withdraws_the_breach_on_the_record(impatient: County) -> None:
    incident = new_incident(impatient, push=True)["incident_id"]
    eventually(lambda: breaches_of(impatient, incident, "assign"), within=10)
    pushed = impatient.get(f"/v1/incidents/{incident}")["stamps"]["pushed"]["occurred_at"]
    recommended = impatient.get(f"/v1/incidents/{incident}/recommendations")["candidates"]
    assigned = impatient.post(
        f"/v1/incidents/{incident}/assignments", {"team_id": recommended[0]["team_id"], "occurred_at": pushed}
    )
    assert assigned.status_code == httpx.codes.CREATED, assigned.text
    (row,) = breaches_of(impatient, incident, "assign")
    assert row["withdrawn_at"] is not None
    assert row["withdrawn_reason"] == "late_report"


def test_a_drill_runs_its_clocks_and_is_left_out_of_every_figure_unless_asked_for(impatient: County) -> None:
    before = figures(impatient), figures(impatient, exercise="only")
    incident = new_incident(impatient, exercise=True, push=True)
    assert incident["exercise"] is True
    eventually(lambda: breaches_of(impatient, incident["incident_id"], "assign", exercise="only"), within=10)
    assert breaches_of(impatient, incident["incident_id"], "assign") == []
    assert figures(impatient) == before[0]
    assert figures(impatient, exercise="only") == before[1] + 1


def figures(county: County, **asked: str) -> int:
    groups = county.get("/v1/sla/report", by="total", **asked)["groups"]
    return int(groups[0]["incidents"]) if groups else 0


def told_of(county: County, incident: str, stage: str) -> Callable[[], list[dict[str, Any]]]:
    def told() -> list[dict[str, Any]]:
        timeline = county.get(f"/v1/incidents/{incident}", include="timeline")["timeline"]
        entries = [
            {**entry, "type": entry["type"].split(".")[-2] if "." in entry["type"] else entry["type"]}
            for entry in timeline
        ]
        return [entry for entry in entries if entry["body"]["data"].get("stage") == stage]

    return told


def clock_of(county: County, incident: str, stage: str) -> dict[str, Any]:
    return next(c for c in county.get(f"/v1/incidents/{incident}")["clocks"] if c["stage"] == stage)


def breaches_of(county: County, incident: str, stage: str, **asked: str) -> list[dict[str, Any]]:
    return list(county.get("/v1/sla/breaches", incident=incident, stage=stage, **asked)["breaches"])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def lateness(entry: dict[str, Any], began: datetime, after: float) -> float:
    """Seconds between the moment a clock was due and the moment its effect was recorded."""
    return (moment(entry["recorded_at"]) - began).total_seconds() - after


def test_the_policy_file_is_refused_whole_when_one_rule_is_wrong(county: County, tmp_path: Path) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps({"good": {"targets": {"push": 5}}, "bad": {"targets": {"dance": 5}}}), encoding="utf-8")
    county.wangge("policy", "put", str(file), check=False)
    assert {policy["policy"] for policy in county.get("/v1/policies")["policies"]}.isdisjoint({"good", "bad"})
