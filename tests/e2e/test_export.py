"""An export of a stormy day is what the database holds, row by row, in both forms."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.replay.plan import file_id
from tests.e2e.county import County

COLUMNS = {
    "incident_id": "incident_id::text", "reference": "reference_system || ':' || reference_number", "state": "state",
    "version": "version::text", "category": "category", "priority": "priority::text", "grid_code": "grid_code",
    "centre_code": "centre_code", "summary": "summary", "stamps.received": "received_at", "stamps.pushed": "pushed_at",
    "first_assigned_at": "first_assigned_at", "first_on_scene_at": "first_on_scene_at", "stamps.closed": "closed_at",
}  # fmt: skip
"""What is exported, and the same in SQL."""
MANY = 2000


@pytest.fixture(scope="module")
def storm(county: County, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The system of reference of a few thousand incidents, all played through dispatch."""
    path: Path = County.day(tmp_path_factory.mktemp("export") / "storm.csv", seed=5, load=20)
    county.wangge("replay", str(path), "--speed", "max", "--json")
    return f"calls-{file_id(path)}"


def held(county: County, where: str) -> list[tuple[str, ...]]:
    """The rows as the database has them, as text, in the order of an export."""
    found = county.query(
        "dispatch",
        f"SELECT {', '.join(COLUMNS.values())} FROM incident WHERE {where} ORDER BY received_at DESC, incident_id DESC",
    )
    return [tuple(text_of(value) for value in row) for row in found]


def text_of(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return "" if value is None else str(value)


def exported(county: County, **parameters: str) -> bytes:
    parameters["fields"] = ",".join(COLUMNS)
    response = county.client.get("/v1/incidents/export", params=parameters)
    assert response.status_code == 200, response.text
    return response.content


FILTERS = [
    ({}, "true"),
    ({"state": "closed,archived"}, "state IN ('closed', 'archived')"),
    ({"breached": "true"}, "incident_id IN (SELECT incident_id FROM breach WHERE withdrawn_at IS NULL)"),
    ({"priority": "1", "open": "false"}, "priority = 1 AND state IN ('closed', 'archived', 'cancelled', 'merged')"),
]


@pytest.mark.parametrize(("filters", "where"), FILTERS, ids=[where for _, where in FILTERS])
def test_a_csv_export_equals_the_database(county: County, storm: str, filters: dict[str, str], where: str) -> None:
    expected = held(county, f"reference_system = '{storm}' AND {where}")
    assert expected
    content = exported(county, format="csv", reference_system=storm, **filters).decode("utf-8-sig")
    header, *found = csv.reader(io.StringIO(content, newline=""), strict=True)
    assert header == list(COLUMNS)
    assert [tuple(row) for row in found] == expected


def test_an_ndjson_export_equals_the_database_and_counts_it(county: County, storm: str) -> None:
    expected = held(county, f"reference_system = '{storm}'")
    assert len(expected) > MANY
    *incidents, last = map(json.loads, exported(county, reference_system=storm).splitlines())
    assert last == {"summary": {"incidents": len(expected)}}
    assert [row_of(incident) for incident in incidents] == expected


def row_of(incident: dict[str, Any]) -> tuple[str, ...]:
    stamps = {f"stamps.{stage}": stamp["occurred_at"] for stage, stamp in incident["stamps"].items()}
    reference = "{system}:{number}".format(**incident["reference"])
    return tuple(text_of({**incident, **stamps, "reference": reference}.get(column)) for column in COLUMNS)
