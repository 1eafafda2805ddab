"""Deadlines fired by the real clock: warned at 80 %, breached at 100 % within 100 ms, escalated level by level."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.dispatch import bootstrap
from tests.integration.dispatch.county import COUNTY, DEV, STATION, TOWN, call_for_help, command

pytestmark = pytest.mark.integration
WITHIN = timedelta(milliseconds=100)


@pytest.fixture
def clock(database_url, settings_of):
    """The deadline clock of one sidecar, running in a thread on connections of its own."""
    settings = settings_of(database_url)
    engine = bootstrap.sidecar_engine(settings)
    running = bootstrap.deadline_clock(settings, engine)
    stop = threading.Event()
    thread = threading.Thread(target=running.run, args=(stop,))
    thread.start()
    yield running
    stop.set()
    thread.join(10)
    engine.dispose()


@pytest.fixture
def story(rows):
    """`story(incident_id)`: what its timeline tells, as (fact, when it was recorded)."""

    def told(incident_id):
        found = rows("SELECT type, recorded_at FROM timeline WHERE incident_id = :id ORDER BY seq", id=incident_id)
        return [
            (row.type.removeprefix("wangge.dispatch.incident.").removesuffix(".v1"), row.recorded_at) for row in found
        ]

    return told


@pytest.fixture
def tells(story, eventually):
    """`tells(incident_id, fact, times)`: wait until the timeline has told it so often; when the last was recorded."""

    def waited(incident_id, fact, times=1, within=12.0):
        def last():
            found = [at for name, at in story(incident_id) if name == fact]
            return found[times - 1] if len(found) >= times else None

        return eventually(last, within=within)

    return waited


def test_left_alone_it_warns_at_80_percent_breaches_within_100_ms_and_escalates_twice(
    clock, do, policy, story, tells, rows
):
    policy(push=30, assign=2, arrive=30)
    made = do("incident.create", data=call_for_help(category="other", source="grid_worker", push=True), view=True)
    incident_id = made["incident_id"]
    (assign,) = [each for each in made["incident"]["clocks"] if each["stage"] == "assign"]
    due_at, warn_at = datetime.fromisoformat(assign["due_at"]), datetime.fromisoformat(assign["warn_at"])
    assert due_at - warn_at == timedelta(seconds=0.4)
    tells(incident_id, "escalated", 2)
    warned, breached = tells(incident_id, "clock_warned"), tells(incident_id, "breached")
    first, second = tells(incident_id, "escalated"), tells(incident_id, "escalated", 2)
    assert warn_at <= warned < warn_at + WITHIN
    assert due_at <= breached < due_at + WITHIN
    assert due_at <= first < due_at + WITHIN
    assert due_at + timedelta(seconds=2) <= second < due_at + timedelta(seconds=2) + WITHIN
    assert [fact for fact, _ in story(incident_id)] == [
        "received", "pushed", "clock_warned", "breached", "escalated", "escalated",
    ]  # fmt: skip
    (breach,) = rows("SELECT * FROM breach")
    assert (breach.stage, breach.generation, breach.holder, breach.due_at) == ("assign", 1, STATION, due_at)
    levels = rows(
        "SELECT body::json->'data'->>'to_code' AS code FROM timeline WHERE type LIKE '%escalated%' ORDER BY seq"
    )
    assert [row.code for row in levels] == [TOWN, COUNTY]
    # The county is the top: nothing is armed any more.
    assert rows("SELECT kind FROM deadline WHERE kind LIKE '%.assign'") == []


def test_an_offer_that_nobody_answers_goes_to_the_next_team_at_once(clock, do, policy, team, tells, rows):
    policy(push=30, assign=30, arrive=60, answer_seconds=2)
    team("near"), team("far", base={"lat": 29.6, "lon": 119.3})
    made = do("incident.create", data=call_for_help(category="other", source="grid_worker", push=True))
    do("incident.assign", incident=made["incident_id"], data={"auto": True})
    expired = tells(made["incident_id"], "offer_expired")
    offered = tells(made["incident_id"], "assigned", 2)
    assert offered - expired < WITHIN
    found = rows(
        "SELECT a.seq, a.state, t.call_sign FROM assignment a JOIN team t USING (team_id) ORDER BY a.seq LIMIT 2"
    )
    assert [(row.seq, row.call_sign) for row in found] == [(1, "near"), (2, "far")]
    assert found[0].state == "expired"


def test_a_stage_reported_late_that_happened_in_time_withdraws_the_breach_on_the_record(
    clock, do, policy, team, story, tells, rows
):
    policy(push=30, assign=2, arrive=30)
    team("late")
    made = do("incident.create", data=call_for_help(category="other", source="grid_worker", push=True))
    happened = datetime.now(UTC)
    tells(made["incident_id"], "breached")
    do("incident.assign", incident=made["incident_id"], data={"team": "late"}, occurred_at=happened)
    (breach,) = rows("SELECT * FROM breach")
    assert breach.withdrawn_at is not None
    assert breach.withdraw_reason == "late_report"
    assert "breach_withdrawn" in [fact for fact, _ in story(made["incident_id"])]


def test_a_stage_met_too_late_is_a_breach_also_when_no_clock_was_there_to_see_it(do, incident, long_ago, rows):
    received = incident(occurred_at=long_ago)
    do("incident.push", incident=received, occurred_at=long_ago + timedelta(seconds=75.5))
    (breach,) = rows("SELECT * FROM breach")
    assert (breach.stage, breach.late_by_seconds, breach.backfill) == ("push", 15.5, True)


def test_backfill_arms_nothing_and_wakes_nobody(do, incident, long_ago, rows, story):
    received = incident(occurred_at=long_ago)
    do("incident.push", incident=received, occurred_at=long_ago + timedelta(seconds=30))
    assert rows("SELECT * FROM deadline") == []
    assert [fact for fact, _ in story(received)] == ["received", "pushed"]


def test_a_command_that_holds_the_incident_delays_its_deadline_and_no_other(
    clock, dispatch, do, policy, tells, story, eventually
):
    policy(push=2)
    held, free = (
        do("incident.create", data=call_for_help(category="other", source="grid_worker"))["incident_id"]
        for _ in range(2)
    )
    waiting, release = threading.Event(), threading.Event()

    def hold(unit):
        unit.incidents.load(ids=[UUID(held)])
        waiting.set()
        release.wait(20)

    holder = threading.Thread(target=dispatch.transactions, args=(hold,))
    holder.start()
    try:
        assert waiting.wait(5)
        tells(free, "breached")
        assert "breached" not in [fact for fact, _ in story(held)]
    finally:
        release.set()
        holder.join()
    tells(held, "breached", within=2.0)


def test_two_clocks_breach_each_incident_once(clock, database_url, settings_of, dispatch, policy, eventually, rows):
    policy(push=2)
    settings = settings_of(database_url)
    engine = bootstrap.sidecar_engine(settings)
    second, stop = bootstrap.deadline_clock(settings, engine), threading.Event()
    thread = threading.Thread(target=second.run, args=(stop,))
    thread.start()
    try:
        data = [call_for_help(category="other", source="grid_worker") for _ in range(200)]
        dispatch.execute([command("incident.create", data=each) for each in data], DEV)
        eventually(lambda: rows("SELECT count(*) FROM breach") == [(200,)], within=10)
    finally:
        stop.set()
        thread.join(10)
        engine.dispose()
    told = rows("SELECT count(*), count(DISTINCT incident_id) FROM timeline WHERE type LIKE '%.breached.v1'")
    assert told == [(200, 200)]
