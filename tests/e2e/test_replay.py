"""A replay through the public API reports what an independent oracle computes from the file alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.replay.plan import file_id
from tests.e2e.county import CHECKOUT, County
from tests.support.eventually import eventually
from tests.support.machine import crowding
from tests.support.oracle import figures

REAL_CALLS = Path(os.environ.get("WANGGE_CALLS", CHECKOUT.parent / "shared" / "data" / "sf-fire-calls.csv"))
"""The open data set, where somebody has put it; its tests then run too, beside those of the generated day."""
REAL_SECONDS = 20.0
"""For 23,000 lines on two cores that nobody else uses."""


def replay(county: County, path: Path) -> dict[str, Any]:
    return dict(json.loads(county.wangge("replay", str(path), "--speed", "max", "--json")))


def files(day: Path) -> Iterator[Path]:
    yield day
    if REAL_CALLS.exists():
        yield REAL_CALLS


def test_replay_of_a_day_reports_exactly_what_the_oracle_computes(county: County, day: Path) -> None:
    assert replay(county, day) == figures(day)


def test_replay_of_a_storm_reports_exactly_what_the_oracle_computes(county: County, tmp_path: Path) -> None:
    storm = County.day(tmp_path / "storm.csv", seed=3, load=20)
    assert replay(county, storm) == figures(storm)


def test_replay_of_the_real_calls_equals_their_own_oracle_in_time(county: County, day: Path) -> None:
    for path in files(day):
        begun = time.monotonic()
        reported = replay(county, path)
        taken = time.monotonic() - begun
        oracle = path.with_name("oracle.py")
        if oracle.exists():
            done = subprocess.run([sys.executable, oracle, path], capture_output=True, check=True)
            assert reported == json.loads(done.stdout)
        assert reported == figures(path)
        assert taken < REAL_SECONDS * crowding()


def test_every_incident_of_a_file_ends_closed_or_it_is_said_why_not(county: County, day: Path) -> None:
    for path in files(day):
        command = county.command("replay", str(path), "--speed", "max", "--json")
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
        excused = {line.split()[3].rstrip(":") for line in done.stderr.splitlines() if "left open" in line}
        still_open = {
            number
            for (number,) in county.query(
                "dispatch",
                "SELECT reference_number FROM incident WHERE reference_system = %s AND state <> 'closed'",
                system_of(path),
            )
        }
        assert still_open == excused


def test_a_second_replay_of_the_same_file_changes_nothing(county: County, day: Path) -> None:
    first = replay(county, day)
    before = footprint(county, day)
    assert replay(county, day) == first
    assert footprint(county, day) == before


def test_after_replays_no_message_is_dead_and_the_audit_chain_holds(county: County, day: Path) -> None:
    replay(county, day)
    eventually(lambda: outbox_depth(county) == 0, within=30)
    assert json.loads(county.wangge("dead-letters", "list", "--json")) == []
    county.wangge("audit", "verify")


@pytest.mark.parametrize("part", ["dispatch", "dispatch-sidecar", "gateway"])
def test_a_part_killed_in_the_middle_of_a_replay_changes_nothing_in_the_report(
    county: County, tmp_path: Path, part: str
) -> None:
    path = County.day(tmp_path / f"{part}.csv", seed=len(part), load=4)
    command = county.command("replay", str(path), "--speed", "max", "--json")
    running = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(lambda: footprint(county, path)[0] > 100, within=60)
    county.kill(part)
    output, errors = running.communicate(timeout=180)
    assert running.returncode == 0, errors
    assert json.loads(output) == figures(path)
    assert_nothing_lost_or_double(county, path)


def assert_nothing_lost_or_double(county: County, path: Path) -> None:
    """Every version of every incident has one link of the chain, and the last one is the incident's."""
    eventually(lambda: outbox_depth(county) == 0, within=30)
    broken = county.query(
        "dispatch",
        """SELECT i.reference_number FROM incident i JOIN timeline t ON t.incident_id = i.incident_id
           WHERE i.reference_system = %s GROUP BY i.incident_id
           HAVING count(*) <> i.version OR max(t.seq) <> i.version OR count(DISTINCT t.seq) <> i.version""",
        system_of(path),
    )
    assert broken == []
    assert json.loads(county.wangge("dead-letters", "list", "--json")) == []
    county.wangge("audit", "verify")


def system_of(path: Path) -> str:
    return f"calls-{file_id(path)}"


def footprint(county: County, path: Path) -> tuple[int, int, int]:
    """How many incidents, assignments and links of the chain a file has left behind."""
    return tuple(  # type: ignore[return-value]
        county.query(
            "dispatch",
            """SELECT count(DISTINCT i.incident_id), count(DISTINCT a.assignment_id),
                      count(DISTINCT (t.incident_id, t.seq))
               FROM incident i LEFT JOIN assignment a USING (incident_id) JOIN timeline t USING (incident_id)
               WHERE i.reference_system = %s""",
            system_of(path),
        )[0]
    )


def outbox_depth(county: County) -> int:
    return int(county.query("dispatch", "SELECT count(*) FROM outbox")[0][0])
