"""The 115 report equals the oracle, group by group, and counts what it says it counts."""

import csv
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from services.dispatch.application import queries, reports
from tests.integration.dispatch.county import DEV, IN_EAST, IN_WEST, TOWN, call_for_help, command
from tests.support import oracle

pytestmark = pytest.mark.integration
SHAPE = "%m/%d/%Y %I:%M:%S %p"
# (received, pushed, then for each unit: assigned, en route, on scene, cleared), seconds after the call before; None is
# missing. Some run backwards, as in real files; one has no unit at all, one was never pushed before it was assigned.
CALLS = [
    (0, 31, [(45, 80, 290, 900)]),
    (600, 75, [(140, 200, 501, 1200), (60, 90, 700, 1300)]),
    (1200, 59, [(118, None, 417, 2000)]),
    (1800, 61, [(121, 180, None, 800), (300, 310, 421, 900)]),
    (2400, 12, [(72, 60, 372, 500)]),
    (3000, 200, []),
    (3600, 20, [(10, 30, 400, 600)]),
    (4200, 5, [(64, 70, 365, 700), (66, 71, 364, 800), (500, 600, 900, 1000)]),
]
STEPS = ("assign", "depart", "arrive", "clear")


@pytest.fixture
def midnight(long_ago):
    return long_ago.replace(hour=0, minute=0, second=0)


@pytest.fixture
def calls_file(tmp_path, midnight):
    """The calls as a file of the open data set's shape."""
    columns = [
        "Call Number",
        "Unit ID",
        "Received DtTm",
        "Entry DtTm",
        "Dispatch DtTm",
        "Response DtTm",
        "On Scene DtTm",
    ]
    path = tmp_path / "calls.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "Available DtTm"])
        for number, (received, pushed, units) in enumerate(CALLS):
            times = [midnight + timedelta(seconds=received), midnight + timedelta(seconds=received + pushed)]
            for unit, stamps in enumerate(units or [(None,) * 4]):
                told = [None if at is None else midnight + timedelta(seconds=received + at) for at in stamps]
                said = [at.strftime(SHAPE) if at else "" for at in [*times, *told]]
                writer.writerow([number, f"U{unit}", *said])
    return path


@pytest.fixture
def calls(dispatch, midnight, team):
    """The same calls, taken in as commands; the even ones in the west, the odd ones in the east."""
    for unit in range(3):
        team(f"U{unit}", capacity=20)
    batch = []
    for number, (received, pushed, units) in enumerate(CALLS):
        at = midnight + timedelta(seconds=received)
        place = {"location": IN_EAST if number % 2 else IN_WEST, "exercise": False}
        batch.append(command("incident.create", data=told(number, **place), occurred_at=at))
        batch.append(command("incident.push", incident=ref(number), occurred_at=at + timedelta(seconds=pushed)))
        for unit, stamps in enumerate(units):
            for step, after in zip(STEPS, stamps, strict=True):
                if after is not None:
                    batch.append(stamp_of(number, f"U{unit}", step, at + timedelta(seconds=after)))
    answers = dispatch.execute(batch, DEV)
    assert [answer["problem"] for answer in answers if not answer["ok"]] == []


def told(number, **more):
    return call_for_help(**{**more, "reference": {"system": "calls", "number": str(number)}, "category": "medical"})


def ref(number):
    return f"calls:{number}"


def stamp_of(number, sign, step, at):
    if step == "assign":
        return command("incident.assign", incident=ref(number), data={"team": sign}, occurred_at=at)
    return command(f"assignment.{step}", incident=ref(number), team=sign, occurred_at=at)


@pytest.fixture
def report(dispatch):
    """`report(by, **filters)`: the groups by key."""

    def asked(by="total", **filters):
        answer = dispatch.ask(reports.sla_report, DEV, filters, by)
        return {group["key"]: group for group in answer["groups"]}

    return asked


def test_the_report_equals_the_oracle(calls, calls_file, report):
    expected = oracle.figures(calls_file)
    total = report()["total"]
    assert total["incidents"] == expected["incidents"] == len(CALLS)
    for name in ("push", "assign", "arrive", "total"):
        assert {key: total[name][key] for key in ("count", "within", "p50", "p90", "p99")} == expected[name]


def test_turnout_and_travel_are_counted_per_assignment(calls, report):
    total = report()["total"]
    turnout = [35, 60, 30, 59, 10, -12, 20, 6, 5, 100]
    travel = [210, 301, 610, 111, 312, 370, 295, 293, 300]
    assert (total["turnout"]["count"], total["travel"]["count"]) == (len(turnout), len(travel))
    assert (total["turnout"]["p50"], total["travel"]["p50"]) == (25.0, 300.0)
    # 115 has no target for these, so nothing is said of compliance.
    assert (total["turnout"]["compliance"], total["travel"]["compliance"]) == (None, None)
    assert total["alarm_handling"]["count"] == 7


def test_every_grouping_adds_up_to_the_whole(calls, report, midnight):
    for by in ("community", "town", "grid", "category", "priority", "centre", "hour"):
        groups = report(by)
        assert sum(group["incidents"] for group in groups.values()) == len(CALLS), by
        assert sum(group["push"]["count"] for group in groups.values()) == len(CALLS), by
    local = {
        (midnight + timedelta(seconds=call[0])).astimezone(ZoneInfo("Asia/Shanghai")).strftime("%H") for call in CALLS
    }
    assert set(report("hour")) == local
    assert list(report("town")) == [TOWN]
    assert report("town")[TOWN]["label_zh"] == "演示"


def test_by_team_an_incident_counts_for_every_team_with_its_own_times(calls, report):
    groups = report("team")
    assert {key: group["incidents"] for key, group in groups.items()} == {"U0": 7, "U1": 3, "U2": 1}
    # U1's own way to the scene, not the incident's: 640, 121 and 298 seconds.
    assert groups["U1"]["arrive"]["p50"] == 298.0


def test_filters_narrow_by_place_time_and_system(calls, report, midnight):
    by_prefix = {key: report(prefix=key)["total"]["incidents"] for key in ("", "999999", "99999900100100101", "1")}
    assert by_prefix == {"": 8, "999999": 8, "99999900100100101": 4, "1": 0}
    since, until = (midnight + timedelta(seconds=at) for at in (600, 1800))
    assert report(since=since.isoformat(), until=until.isoformat())["total"]["incidents"] == 2
    assert report(reference_system="calls")["total"]["incidents"] == 8
    assert report(reference_system="others")["total"]["incidents"] == 0


def test_a_prefix_is_taken_letter_by_letter(calls, report):
    assert report(prefix="%")["total"]["incidents"] == report(prefix="9_")["total"]["incidents"] == 0


def test_drills_are_left_out_unless_asked_for(calls, do, report, midnight):
    do("incident.create", data=told("drill", exercise=True, push=True), occurred_at=midnight)
    counts = [report(exercise=how)["total"]["incidents"] for how in ("exclude", "include", "only")]
    assert counts == [8, 9, 1]


def test_a_merged_duplicate_is_counted_through_the_incident_it_stands_under(calls, do, report, midnight):
    twin = do("incident.create", data=told("twin"), occurred_at=midnight)["incident_id"]
    do("incident.merge", incident=twin, data={"into": ref(0)})
    assert report()["total"]["incidents"] == 8


@pytest.fixture
def ten_seconds(policy):
    """A policy of its own for category `other`, there before anything is asked."""
    policy(push=10)


def test_within_is_judged_by_each_incidents_own_policy_version(ten_seconds, calls, do, report, midnight):
    slow = do(
        "incident.create", data={**told("own"), "category": "other", "source": "grid_worker"}, occurred_at=midnight
    )
    do("incident.push", incident=slow["incident_id"], occurred_at=midnight + timedelta(seconds=11))
    groups = report("category")
    assert (groups["other"]["push"]["within"], groups["other"]["push"]["target_seconds"]) == (0, 10.0)
    assert groups["medical"]["push"]["target_seconds"] == 60.0
    assert report()["total"]["push"]["target_seconds"] is None


def test_a_corrected_stamp_counts_as_corrected(calls, do, report, midnight):
    at = (midnight + timedelta(seconds=30)).isoformat()
    do("incident.correct", incident=ref(0), data={"stage": "pushed", "occurred_at": at, "why": "时钟偏差"})
    before = report(since=midnight.isoformat(), until=(midnight + timedelta(seconds=1)).isoformat())
    assert before["total"]["push"]["p50"] == 30.0


def test_breaches_and_incidents_page_through_everything_once(calls, dispatch, rows):
    def walk(ask, name, limit):
        seen, cursor = [], None
        while True:
            page = dispatch.ask(ask, DEV, {}, limit, cursor)
            seen += page[name]
            cursor = page["next_cursor"]
            if cursor is None:
                return seen

    breaches = walk(reports.sla_breaches, "breaches", 2)
    keys = [(each["incident_id"], each["stage"], each["generation"]) for each in breaches]
    assert len(keys) == len(set(keys)) == rows("SELECT count(*) FROM breach")[0][0] > 4
    assert [each["due_at"] for each in breaches] == sorted((each["due_at"] for each in breaches), reverse=True)
    incidents = walk(queries.list_incidents, "incidents", 3)
    assert [each["reference"]["number"] for each in incidents] == [
        str(number) for number in reversed(range(len(CALLS)))
    ]
