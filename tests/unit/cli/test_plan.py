"""A plan sends what the file says, in an order in which it can have happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.replay.calls import Call, InvalidCallsError, Response, read_calls
from cli.replay.plan import RANK, Plan, Timeline, make_plan

NOON = datetime(2026, 3, 1, 12)  # noqa: DTZ001 local, as in the file
ZONE = ZoneInfo("Asia/Shanghai")


def response(
    unit: str = "E01",
    *,
    assigned: int | None = 90,
    en_route: int | None = 120,
    on_scene: int | None = 300,
    cleared: int | None = 900,
) -> Response:
    def at(second: int | None) -> datetime | None:
        return None if second is None else NOON + timedelta(seconds=second)

    return Response(unit, "ENGINE", at(assigned), at(en_route), at(on_scene), at(cleared))


def call(*responses: Response, pushed: int | None = 60) -> Call:
    pushed_at = None if pushed is None else NOON + timedelta(seconds=pushed)
    return Call("1", "Alarms", "3", 1, "Fire", NOON, pushed_at, (37.7, -122.4), list(responses))


def plan_of(*calls: Call, speed: float | None = None) -> Plan:
    timeline = Timeline(NOON, ZONE, speed=speed, start=datetime(2026, 11, 1, tzinfo=UTC))
    return make_plan(calls, timeline, system="calls-x", fleet="abcdef", centre_code="C-1")


def commands(plan: Plan) -> list[str]:
    return [step.line["command"] for step in plan.steps]


def test_a_whole_call_ends_closed() -> None:
    plan = plan_of(call(response()))
    assert commands(plan) == [command for command in RANK if command != "assignment.accept"]
    assert plan.left_open == {}


def test_a_call_whose_unit_never_became_free_is_left_open_and_it_is_said_why() -> None:
    plan = plan_of(call(response(cleared=None)))
    assert "incident.close" not in commands(plan)
    assert "E01" in plan.left_open["1"]


def test_a_call_that_was_never_pushed_is_left_open_and_it_is_said_why() -> None:
    plan = plan_of(call(response(), pushed=None))
    assert commands(plan) == ["incident.create"]
    assert "Entry" in plan.left_open["1"]


def test_a_unit_that_was_never_sent_is_reported_and_sends_nothing() -> None:
    plan = plan_of(call(response(), response("E02", assigned=None)))
    assert "E02" in plan.unsaid["1"]
    assert {step.line["team"] for step in plan.steps if "team" in step.line} == {"E01-abcdef"}


def test_the_same_unit_twice_on_a_call_is_two_assignments_with_keys_of_their_own() -> None:
    plan = plan_of(call(response(), response(assigned=1000, en_route=None, on_scene=None, cleared=1100)))
    keys = [step.line["key"] for step in plan.steps]
    assert len(keys) == len(set(keys))
    assert commands(plan).count("incident.assign") == 2


@given(
    st.lists(st.tuples(*(st.none() | st.integers(0, 500) for _ in range(4))), min_size=1, max_size=4),
    st.integers(0, 500),
)
def test_whatever_the_stamps_a_stage_is_sent_after_the_one_it_needs_with_the_files_own_time(
    rows: list[tuple[int | None, ...]], pushed: int
) -> None:
    responses = [
        response(f"E{i}", assigned=row[0], en_route=row[1], on_scene=row[2], cleared=row[3])
        for i, row in enumerate(rows)
    ]
    sent = plan_of(call(*responses, pushed=pushed)).steps
    ranks: dict[str, int] = {}
    for step in sent:
        command, unit = step.line["command"], step.line["key"].rpartition(":")[2]
        assert RANK[command] >= ranks.get(unit, 0)
        if unit.startswith("E"):
            ranks[unit] = RANK[command]
    assert {step.line["occurred_at"] for step in sent if step.line["command"] == "incident.push"} == {
        (NOON + timedelta(seconds=pushed, hours=-8)).strftime("%Y-%m-%dT%H:%M:%SZ")
    }


def test_at_a_speed_calls_arrive_faster_and_keep_their_own_seconds() -> None:
    later = call(response())
    later.received += timedelta(minutes=10)
    later.pushed = later.received + timedelta(seconds=60)
    later.responses = []
    steps = plan_of(call(response()), later, speed=60).steps
    created = [step.due for step in steps if step.line["command"] == "incident.create"]
    assert created[1] - created[0] == timedelta(seconds=10)
    assert steps[-1].due - created[0] == timedelta(seconds=900)


def test_a_row_of_another_shape_is_refused_with_its_row_and_rule(tmp_path: Path) -> None:
    good = Path(__file__).with_name("one_call.csv").read_text(encoding="utf-8")
    bad = tmp_path / "bad.csv"
    bad.write_text(good.replace("03/01/2026 12:01:00 PM", "2026-03-01T12:01:00"), encoding="utf-8")
    with pytest.raises(InvalidCallsError, match=r"row 2: .*is not of the form"):
        read_calls(bad)


def test_a_file_without_the_needed_columns_is_refused_naming_them(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InvalidCallsError, match="Call Number"):
        read_calls(path)
