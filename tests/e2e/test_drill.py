"""The drill goes all the way through a running county, occupies nobody, counts nowhere, and says where it broke off."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY, Gauge

from cli.drill import metrics
from cli.drill import round as drilling
from cli.drill.compliance import SPAN, read_compliance
from cli.drill.round import DrillFailedError, run_round
from tests.e2e.county import County
from tests.support.oracle import figures


def drills(county: County) -> list[tuple[str, bool]]:
    return [
        (state, exercise)
        for state, exercise in county.query(
            "dispatch", "SELECT state, exercise FROM incident WHERE exercise ORDER BY incident_id DESC"
        )
    ]


def test_a_drill_is_committed_heard_and_cancelled(county: County) -> None:
    before = REGISTRY.get_sample_value("wangge_drill_seconds_count", {"step": "heard"}) or 0
    assert "done" in county.wangge("drill", "--once")
    run_round(county.client, "drill-e2e-1")
    assert drills(county)[0] == ("cancelled", True)
    assert REGISTRY.get_sample_value("wangge_drill_seconds_count", {"step": "heard"}) == before + 1


def test_a_drill_occupies_no_team_and_no_report_counts_it(county: County, day: Path) -> None:
    reported = json.loads(county.wangge("replay", str(day), "--speed", "max", "--json"))
    run_round(county.client, "drill-e2e-2")
    again = json.loads(county.wangge("replay", str(day), "--speed", "max", "--json"))
    assert reported == again == figures(day)
    assert county.query("dispatch", "SELECT 1 FROM assignment JOIN incident USING (incident_id) WHERE exercise") == []


def test_an_event_that_is_not_heard_fails_the_drill_and_the_incident_is_cancelled_all_the_same(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drilling, "RECEIVED", "wangge.dispatch.incident.never.v1")
    monkeypatch.setattr(drilling, "HEARD_WITHIN", 2.0)
    with pytest.raises(DrillFailedError, match="heard"):
        run_round(county.client, "drill-e2e-3")
    assert drills(county)[0] == ("cancelled", True)


def test_compliance_is_what_the_report_by_town_says(county: County) -> None:
    centre = next(each for each in county.get("/v1/centres")["centres"] if each.get("lat") is not None)
    place = {key: centre[key] for key in ("lat", "lon", "grid_code")}
    body = {"source": "resident", "category": "other", "priority": 3, "push": True, "location": place}
    assert county.post("/v1/incidents", body, Idempotency_Key="compliance-e2e").is_success
    read_compliance(county.client)
    since = (datetime.now(UTC) - SPAN).isoformat().replace("+00:00", "Z")
    report = county.get("/v1/sla/report", **{"by": "town", "from": since})
    pushed = {group["key"]: group["push"] for group in report["groups"]}
    assert sum(interval["count"] for interval in pushed.values()) >= 1
    shown = {(sample.labels["town"], sample.labels["stage"]): sample.value for sample in samples(metrics.SLA_COUNT)}
    assert {town: count for (town, stage), count in shown.items() if stage == "push"} == {
        town: interval["count"] for town, interval in pushed.items()
    }
    within = {
        sample.labels["town"]: sample.value
        for sample in samples(metrics.SLA_WITHIN)
        if sample.labels["stage"] == "push"
    }
    assert within == {town: each["within"] / each["count"] for town, each in pushed.items() if each["count"]}


def samples(gauge: Gauge) -> list[Any]:
    return list(next(iter(gauge.collect())).samples)
