"""A patrol and an ambulance by one command: its rows, its events, and two desks that want the same teams."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import orjson
import pytest

from contracts import catalogue, envelope
from services.dispatch.application import queries
from services.dispatch.application.access import wall_of
from services.dispatch.application.deadlines import fire_deadlines
from services.dispatch.application.ports import Fired
from services.dispatch.application.terms import Around
from services.dispatch.domain import skills
from services.dispatch.domain.recommendation import Need, recommend
from tests.integration.dispatch.county import DEV, IN_WEST

pytestmark = pytest.mark.integration
NEAR, FAR = {"lat": 29.49, "lon": 119.24}, {"lat": 29.4, "lon": 119.2}


@pytest.fixture
def collision(do, incident):
    """`collision()`: the id of a collision with injured, on a desk."""

    def made(**more):
        made_id = incident(category="traffic_collision_injury", location=IN_WEST, **more)
        do("incident.push", incident=made_id)
        return made_id

    return made


@pytest.fixture
def crews(team):
    """Call sign → id: two patrols, two ambulances, one far away that is both, one that is neither."""
    patrol, medical = {"skills": ["patrol"], "kind": "patrol"}, {"skills": ["medical"]}
    return {
        "P1": team("P1", base=IN_WEST, **patrol), "P2": team("P2", base=NEAR, **patrol),
        "M1": team("M1", base=IN_WEST, **medical), "M2": team("M2", base=NEAR, **medical),
        "B1": team("B1", base=FAR, skills=["medical", "dialect", "patrol"]), "X1": team("X1", skills=["care"]),
    }  # fmt: skip


@pytest.fixture
def seen(dispatch):
    """`seen(incident)`: its view."""
    return lambda incident: dispatch.ask(queries.get_incident, DEV, incident)


def names(crews, sent):
    signs = {team: sign for sign, team in crews.items()}
    return [signs[each["team_id"]] for each in sent["assignments"]]


def test_one_command_sends_both_in_one_transaction(do, collision, crews, seen, rows):
    wounded = collision()
    sent = do("incident.assign", incident=wounded, data={"auto": True})
    assert names(crews, sent) == ["M1", "P1"]
    stored = rows("SELECT seq, facts ->> 'skills', assigned_at FROM assignment ORDER BY seq")
    assert [row[:2] for row in stored] == [(1, '["medical"]'), (2, '["patrol"]')]
    assert stored[0].assigned_at == stored[1].assigned_at
    assert rows("SELECT count(*) FROM deadline WHERE kind LIKE 'answer.%'") == [(2,)]
    bodies = [bytes(row[0]) for row in rows("SELECT body FROM outbox WHERE content_type LIKE '%cloudevents%'")]
    told = [each for each in map(envelope.load, bodies) if each.type.endswith(".assigned.v1")]
    assert sorted(each.data["skills"] for each in told) == [["medical"], ["patrol"]]
    for each in told:
        catalogue.dump_data(each.type, each.data)
    view = seen(wounded)
    assert [(each["call_sign"], each["skills"]) for each in view["assignments"]] == [
        ("M1", ["medical"]), ("P1", ["patrol"]),
    ]  # fmt: skip
    assert view["missing_skills"] == []


def test_the_same_key_gives_both_again_and_sends_nobody_else(dispatch, collision, crews, rows):
    command = {"command": "incident.assign", "key": "both", "incident": collision(), "data": {"auto": True}}
    first, again = (dispatch.execute([command], DEV)[0] for _ in range(2))
    assert again == {**first, "replayed": True}
    assert rows("SELECT count(*) FROM assignment") == [(2,)]


def test_a_part_goes_and_the_rest_when_it_can(do, collision, crews, seen):
    for sign in ("M1", "M2", "B1"):
        do("team.change", team=sign, data={"in_service": False})
    wounded = collision()
    sent = do("incident.assign", incident=wounded, data={"auto": True})
    assert (names(crews, sent), sent["missing_skills"], sent["flags"]) == (["P1"], ["medical"], ["skill_missing"])
    assert seen(wounded)["missing_skills"] == ["medical"]
    assert do("incident.assign", incident=wounded, data={"auto": True})["code"] == "no_team_available"
    do("team.change", team="M2", data={"in_service": True})
    assert names(crews, do("incident.assign", incident=wounded, data={"auto": True})) == ["M2"]


def test_an_offer_that_expires_and_one_that_is_refused_are_each_followed_by_their_like(
    dispatch, do, collision, crews, rows, seen
):
    wounded = collision()
    do("incident.assign", incident=wounded, data={"auto": True})
    do("assignment.refuse", incident=wounded, team="P1", data={"reason": "车辆故障"})
    (due,) = rows("SELECT due_at FROM deadline WHERE kind = 'answer.1'")[0]
    dispatch.transactions(lambda unit: fire_deadlines(unit, [Fired(UUID(wounded), "answer.1", 1, due)]))
    states = {each["call_sign"]: each["state"] for each in seen(wounded)["assignments"]}
    assert states == {"M1": "expired", "P1": "refused", "P2": "assigned", "M2": "assigned"}


def test_two_desks_that_want_the_same_teams_never_send_one_twice_and_neither_goes_without(do, collision, crews, rows):
    ids = [collision() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda each: do("incident.assign", incident=each, data={"auto": True}), ids))
    sent = [sign for answer in answers if "assignments" in answer for sign in names(crews, answer)]
    assert sorted(sent) == ["B1", "M1", "M2", "P1", "P2"]
    assert sorted(answer.get("code", "sent") for answer in answers) == ["no_team_available", *["sent"] * 3]
    assert rows("SELECT max(n) FROM (SELECT count(*) AS n FROM assignment GROUP BY team_id) each_team") == [(1,)]


@pytest.mark.parametrize("category", ["traffic_collision_injury", "medical", "gas_leak", "parking", "lost_property"])
def test_those_that_are_free_are_chosen_from_as_all_of_them_would_be(dispatch, incident, crews, category):
    asked = UUID(incident(category=category, location=IN_WEST))

    def both(unit):
        need = Need.of(unit.incidents.get(asked), unit.now)
        return [recommend(need, teams) for teams in (unit.teams.free(need.skills), unit.teams.candidates())]

    few, every = dispatch.transactions(both)
    assert [each for each in few if each.rank] == [each for each in every if each.rank]
    assert len(every) == 6


@pytest.mark.parametrize("metres", [200.0, 2_000.0, 30_000.0])
def test_those_nearby_are_all_that_the_recommendation_takes_to_be_there(dispatch, incident, crews, metres):
    asked = UUID(incident(category="traffic_collision_injury", location=IN_WEST))

    def both(unit):
        need = Need.of(unit.incidents.get(asked), unit.now)
        around = Around(need.lat, need.lon, metres)
        return [recommend(need, teams) for teams in (unit.teams.free(need.skills, around), unit.teams.candidates())]

    near, every = dispatch.transactions(both)
    there = {each.team_id for each in every if each.rank and (each.distance_metres or 0) <= metres}
    assert there <= {each.team_id for each in near}
    assert len(near) < len(every)


def test_what_a_duplicates_team_brings_comes_back_from_the_rows_of_its_root(dispatch, do, collision, crews, rows):
    root, other = collision(), collision()
    do("incident.assign", incident=other, data={"team": "P1"})
    do("incident.merge", incident=other, data={"into": root})
    found = dispatch.looks(lambda look: look.find(UUID(root)), wall_of(DEV))
    assert [each.brings for each in found.absorbed.values()] == [("patrol",)]
    assert skills.missing(found) == ("medical",)
    (facts,) = rows("SELECT facts::text FROM incident WHERE incident_id = :id", id=root)[0]
    assert all("brings" not in each for each in orjson.loads(facts)["absorbed"].values())


def test_rows_of_the_release_before_say_of_nothing_that_it_is_missing(dispatch, do, collision, crews, engine, seen):
    wounded = collision()
    do("incident.assign", incident=wounded, data={"team": "P1"})
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE assignment SET facts = (facts::jsonb - 'skills')::json")
    view = seen(wounded)
    assert view["missing_skills"] == []
    assert "skills" not in view["assignments"][0]
    assert names(crews, do("incident.assign", incident=wounded, data={"auto": True})) == ["M1", "P2"]


def test_a_team_may_be_named_at_a_time_that_is_past_and_is_told_with_its_skills(do, collision, crews):
    wounded = collision()
    told = do("incident.assign", incident=wounded, data={"team": "B1"}, occurred_at=_now(do, wounded))
    assert told["assignments"][0]["skills"] == ["patrol", "medical"]
    assert "missing_skills" not in told


def _now(do, incident):
    view = do("incident.note", incident=incident, data={"note": "备注"}, view=True)["incident"]
    return datetime.fromisoformat(view["stamps"]["pushed"]["occurred_at"]) + timedelta(milliseconds=1)
