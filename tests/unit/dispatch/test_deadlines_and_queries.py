"""What the sidecar fires, what the registry tells, and what can be asked."""

from datetime import timedelta

import pytest

from chassis.actor import Actor
from contracts.answers import dump_answer
from contracts.names import registry_event
from services.dispatch.application import index, queries, reports
from services.dispatch.application.deadlines import fire_deadlines
from services.dispatch.application.execute import execute
from services.dispatch.application.ports import Figures, Fired, Group, Sight
from services.dispatch.domain.errors import Invalid, NotFound
from tests.unit.dispatch.builders import COUNTY, T0, TOWN, team, types
from tests.unit.dispatch.fakes import ACTOR, FakeDatabase, FakeReading, FakeUnit, problem_of

CREATE = {
    "command": "incident.create", "key": "1",
    "data": {
        "reference": {"system": "p", "number": "1"}, "source": "police", "category": "medical",
        "location": {"lat": 30.0, "lon": 120.0}, "push": True,
    },
}  # fmt: skip
ASSIGN = {"command": "incident.assign", "key": "2", "incident": "p:1", "data": {"auto": True}}


@pytest.fixture
def unit():
    database = FakeDatabase()
    for number, lat in ((1, 30.001), (2, 30.02)):
        database.unit.teams.add(team(number, base_lat=lat, base_lon=120.0))
    execute([CREATE, ASSIGN], ACTOR, database.transact, problem_of)
    return database.unit


def only(unit):
    (incident,) = unit.incidents.rows.values()
    return incident


def fire_at(unit, kind, seconds, generation=1):
    due = T0 + timedelta(seconds=seconds)
    unit.now = due + timedelta(milliseconds=3)
    fire_deadlines(unit, [Fired(only(unit).id, kind, generation, due)])


def test_an_unanswered_offer_goes_to_the_next_team_in_the_same_transaction(unit):
    fire_at(unit, "answer.1", 30)
    assert [str(a.state) for a in only(unit).assignments] == ["expired", "assigned"]
    assert types(only(unit))[-2:] == ["offer_expired", "assigned"]
    assert [clock.state for clock in only(unit).clockwork.of("assign")] == ["met", "met"]


def test_left_alone_it_breaches_and_escalates_up_the_tree(unit):
    fire_at(unit, "warn.arrive", 240)
    fire_at(unit, "breach.arrive", 300)
    assert only(unit).level_code == TOWN
    fire_at(unit, "escalate.arrive", 600)
    assert only(unit).level_code == COUNTY
    told = types(only(unit))
    assert [told.count(kind) for kind in ("clock_warned", "breached", "escalated")] == [1, 1, 2]


def test_a_deadline_of_an_incident_that_is_gone_or_stale_does_nothing(unit):
    before = only(unit).version
    fire_deadlines(unit, [Fired(unit.new_id(), "breach.push", 1, T0)])
    fire_at(unit, "breach.push", 60)
    fire_at(unit, "answer.9", 60)
    assert only(unit).version == before


def test_the_registrys_events_feed_the_read_model():
    unit = FakeUnit()
    grid = {
        "code": "1",
        "version": 2,
        "parent_code": None,
        "level": "county",
        "kind": None,
        "name_zh": "县",
        "name_en": "County",
        "retired": False,
    }
    centre = {
        "code": "C",
        "version": 1,
        "name_zh": "中心",
        "name_en": "Centre",
        "kind": "county",
        "grid_code": "1",
        "lat": 1.0,
        "lon": 2.0,
        "always_open": False,
        "hours": {"opens": "08:00", "closes": "20:00"},
        "retired": False,
    }
    post = {
        "post_id": "p",
        "version": 1,
        "grid_code": "1",
        "role": "grid_lead",
        "a_holder": "a",
        "b_holder": "b",
        "a_absent": True,
    }
    for aggregate, event in (("grid", grid), ("centre", centre), ("post", post)):
        index.EVENTS[registry_event(aggregate)](unit, [event])
    assert unit.places_writer.grids[0].version == 2
    assert unit.places_writer.centres[0].hours.opens.hour == 8
    assert unit.places_writer.posts[0].on_duty == "b"


def test_every_view_is_one_that_the_contract_knows(unit):
    reading = FakeReading(unit)
    answers = {
        "dispatch.get_incident": queries.get_incident(reading, ACTOR, "p:1", ["timeline"]),
        "dispatch.list_incidents": queries.list_incidents(reading, ACTOR, {"open": True, "prefix": "9999"}, 10),
        "dispatch.recommend": queries.recommendations(reading, ACTOR, "p:1"),
        "dispatch.likely_duplicates": queries.likely_duplicates(
            reading, ACTOR, {"location": {"lat": 30.0, "lon": 120.0}, "category": "medical"}
        ),
        "dispatch.get_team": queries.get_team(reading, ACTOR, "T1"),
        "dispatch.get_teams": queries.get_teams(reading, ACTOR, []),
        "dispatch.list_teams": queries.list_teams(reading, ACTOR, available=True),
        "dispatch.list_centres": queries.list_centres(reading, ACTOR, prefix=TOWN),
        "dispatch.sla_breaches": reports.sla_breaches(reading, ACTOR, {"since": "2026-01-01T00:00:00+08:00"}),
        "dispatch.get_policies": reports.get_policies(reading, ACTOR),
    }
    for name, answer in answers.items():
        dump_answer(name, answer)
    assert len(answers["dispatch.likely_duplicates"]["likely_duplicates"]) == 1
    assert [each["call_sign"] for each in answers["dispatch.list_teams"]["teams"]] == ["T2"]
    assert len(answers["dispatch.list_centres"]["centres"]) == 2


def test_percentiles_are_rounded_to_3_decimals_and_compliance_is_of_what_has_a_target(unit):
    reading = FakeReading(unit)
    reading.groups = [Group("total", 3, {"closed": 3}, {"push": Figures(3, 2, 1.00049, 2.0, 2.5, 3.0, 60.0, judged=2)})]
    (group,) = reports.sla_report(reading, ACTOR, {}, "total")["groups"]
    assert (group["push"]["p50"], group["push"]["compliance"], group["arrive"]["count"]) == (1.0, 1.0, 0)
    assert reading.asked[-1].exercise == "exclude"


def test_the_board_shows_the_most_urgent_first_and_the_last_24_hours(unit):
    reading = FakeReading(unit)
    board = reports.board(reading, ACTOR)
    assert len(board["open_incidents"]) == 1
    assert reading.asked[-1].since == T0 - timedelta(hours=24)


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (lambda r: queries.list_incidents(r, ACTOR, {}, 0), "limit"),
        (lambda r: queries.list_incidents(r, ACTOR, {}, 5, "bogus"), "cursor"),
        (lambda r: reports.sla_report(r, ACTOR, {"since": "2026-01-01T00:00:00"}), "since"),
        (lambda r: reports.sla_report(r, ACTOR, {"exercise": "maybe"}), "exercise"),
        (lambda r: reports.sla_report(r, ACTOR, {}, "colour"), "by"),
    ],
)
def test_a_bad_question_names_what_is_wrong(unit, ask, field):
    with pytest.raises(Invalid) as refused:
        ask(FakeReading(unit))
    assert refused.value.field == field


def test_an_actor_sees_its_jurisdiction_only(unit):
    reading, other = FakeReading(unit), Actor("x", "desk", ("dispatcher",), ("999999002",))
    with pytest.raises(NotFound):
        queries.get_incident(reading, other, "p:1")
    queries.list_incidents(reading, other, {"prefix": "9999"})
    assert (reading.asked[-1].prefix, reading.asked[-1].sight) == ("9999", Sight(prefixes=("999999002",)))
