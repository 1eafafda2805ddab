"""An incident that asks for several skills: who goes together, what is missing, whom a refusal calls."""

from dataclasses import replace

import orjson
import pytest

from contracts.answers import dump_answer
from services.dispatch.adapters import incident_rows, json_records
from services.dispatch.application import queries
from services.dispatch.application.deadlines import fire_deadlines
from services.dispatch.application.ports import Fired
from services.dispatch.domain import skills
from services.dispatch.domain.recommendation import Need
from tests.unit.dispatch.asking import create, incident, on, run, tell
from tests.unit.dispatch.builders import t, team, types, uid
from tests.unit.dispatch.fakes import ACTOR, FakeDatabase, FakeReading

BUSY = "车辆故障"


@pytest.fixture
def database():
    """Two patrols and two ambulances, odd ones near, and one team that is both and far away."""
    made = FakeDatabase()
    for number, lat, able in (
        (1, 30.001, ("patrol",)), (2, 30.002, ("medical",)), (3, 30.02, ("patrol",)), (4, 30.03, ("medical",)),
        (5, 30.04, ("patrol", "medical", "dialect")), (6, 30.0005, ("fire",)),
    ):  # fmt: skip
        made.unit.teams.add(team(number, base_lat=lat, base_lon=120.0, skills=able))
    return made


def collision(number="1", **more):
    """Its patrol and its ambulance are different teams in any real county."""
    return create(number, category="traffic_collision_injury", push=True, **more)


def auto(number="1"):
    return on("incident.assign", number, auto=True)


def going(database, number="1"):
    return {a.team_id.int: str(a.state) for a in incident(database, number).assignments if a.is_open}


def view(database, number="1"):
    found = queries.get_incident(FakeReading(database.unit), ACTOR, f"police110:{number}")
    dump_answer("dispatch.get_incident", found)
    return found


def out_of_service(database, *numbers):
    for number in numbers:
        database.unit.teams.get(uid(number)).in_service = False


def fire(database, kind, seconds, number="1"):
    database.unit.now = t(seconds)
    fire_deadlines(database.unit, [Fired(incident(database, number).id, kind, 1, t(seconds))])


def test_one_command_sends_a_patrol_and_an_ambulance(database):
    _, sent = run(database, collision(), auto())
    result = sent["result"]
    assert going(database) == {1: "assigned", 2: "assigned"}
    assert [(each["team_id"], each["skills"]) for each in result["assignments"]] == [
        (str(uid(1)), ["patrol"]), (str(uid(2)), ["medical"]),
    ]  # fmt: skip
    assert result["assignment_id"] == result["assignments"][0]["assignment_id"]
    assert not {"missing_skills", "flags"} & result.keys()
    told = [event.data for event in incident(database).events if event.type == "assigned"]
    assert [(each["attempt"], each["auto"], each["skills"]) for each in told] == [
        (1, True, ["patrol"]), (2, True, ["medical"]),
    ]  # fmt: skip
    assert [clock.state for clock in incident(database).clockwork.of("assign")] == ["met"]


def test_each_of_several_has_an_offer_of_its_own_to_answer(database):
    run(database, collision(), auto())
    assert {a.answer_due_at for a in incident(database).assignments} == {t(30)}
    assert {("answer.1", 1), ("answer.2", 1)} <= incident(database).deadlines.armed.keys()


def test_a_remark_to_the_command_stands_on_the_record_once(database):
    run(database, collision(), on("incident.assign", auto=True, note="优先"))
    assert [note.text for note in incident(database).notes] == ["优先"]


def test_who_can_go_goes_and_what_is_missing_is_told(database):
    out_of_service(database, 2, 4, 5)
    _, sent = run(database, collision(), auto())
    assert (sent["result"]["missing_skills"], sent["result"]["flags"]) == (["medical"], ["skill_missing"])
    assert going(database) == {1: "assigned"}
    assert view(database)["missing_skills"] == ["medical"]


def test_asked_again_only_what_is_missing_is_asked_for(database):
    out_of_service(database, 2, 4, 5)
    run(database, collision(), auto())
    (refused,) = run(database, auto(), seconds=5)
    assert (refused["problem"]["code"], refused["problem"]["reasons"]["skill_missing"]) == ("no_team_available", 3)
    database.unit.teams.get(uid(4)).in_service = True
    (sent,) = run(database, auto(), seconds=9)
    assert [each["team_id"] for each in sent["result"]["assignments"]] == [str(uid(4))]
    assert view(database)["missing_skills"] == []


def test_when_everything_is_under_way_all_of_it_is_asked_for_once_more(database):
    run(database, collision(), auto(), auto())
    assert sorted(going(database)) == [1, 2, 3, 4]


def test_nobody_at_all_is_refused(database):
    out_of_service(database, 1, 2, 3, 4, 5)
    _, refused = run(database, collision(), auto())
    assert (refused["problem"]["code"], refused["problem"]["considered"]) == ("no_team_available", 6)
    assert incident(database).assignments == []


def test_whoever_refuses_is_followed_by_one_who_can_do_the_same_while_the_other_is_on_the_way(database):
    run(database, collision(), auto())
    run(database, tell("accept", "T1"), tell("refuse", "T2", reason=BUSY), seconds=5)
    assert going(database) == {1: "accepted", 4: "assigned"}


def test_two_offers_that_nobody_answers_are_followed_by_two(database):
    run(database, collision(), auto())
    fire(database, "answer.1", 30)
    assert sorted(going(database)) == [2, 3]
    fire(database, "answer.2", 30)
    assert sorted(going(database)) == [3, 4]
    assert types(incident(database))[-4:] == ["offer_expired", "assigned", "offer_expired", "assigned"]


def test_a_reinforcement_that_refuses_is_followed_by_the_same_and_not_by_everything(database):
    run(database, collision(), auto(), auto())
    run(database, tell("refuse", "T4", reason=BUSY), seconds=5)
    assert sorted(going(database)) == [1, 2, 3, 5]


def test_a_team_picked_by_hand_among_others_is_for_the_desk_to_replace(database):
    run(database, collision(), on("incident.assign", team="T1"), on("incident.assign", team="T2"))
    run(database, tell("refuse", "T2", reason=BUSY), seconds=5)
    assert going(database) == {1: "assigned"}
    assert view(database)["missing_skills"] == ["medical"]


def test_whom_the_centre_takes_back_the_centre_replaces(database):
    run(database, collision(), auto())
    run(database, tell("withdraw", "T2", reason="改派"), seconds=5)
    assert (going(database), view(database)["missing_skills"]) == ({1: "assigned"}, ["medical"])


def test_a_hand_picked_team_is_told_what_it_leaves_open(database):
    _, sent = run(database, collision(), on("incident.assign", team="T6"))
    assert sent["result"]["missing_skills"] == ["patrol", "medical"]
    assert sent["result"]["assignments"][0]["skills"] == []
    assert "flags" not in sent["result"]


def test_an_ambulance_that_was_there_and_is_gone_with_the_injured_is_not_missing(database):
    run(database, collision(), auto())
    run(database, tell("arrive", "T2"), tell("clear", "T2"), seconds=90)
    assert view(database)["missing_skills"] == []
    run(database, tell("refuse", "T1", reason=BUSY), seconds=95)
    assert sorted(going(database)) == [3]


def test_one_that_turned_back_on_the_way_is(database):
    run(database, collision(), auto())
    run(database, tell("depart", "T2"), tell("clear", "T2"), seconds=90)
    assert view(database)["missing_skills"] == ["medical"]


def test_what_was_brought_before_it_was_opened_again_is_asked_for_again(database):
    run(database, collision(), auto())
    arrived = [tell(stage, sign) for sign in ("T1", "T2") for stage in ("arrive", "clear")]
    run(database, *arrived, on("incident.resolve", outcome="settled"), seconds=90)
    assert view(database)["missing_skills"] == []
    run(database, on("incident.reopen", reason="又来电"), seconds=200)
    assert view(database)["missing_skills"] == ["patrol", "medical"]


def test_what_teams_of_a_duplicate_bring_is_not_missing_at_its_root(database):
    run(database, collision("1"), create("2", category="traffic_collision", push=True), auto("2"))
    run(database, on("incident.merge", "2", into="police110:1"), seconds=10)
    assert (view(database)["missing_skills"], view(database, "2")["missing_skills"]) == (["medical"], [])
    (sent,) = run(database, auto("1"), seconds=12)
    assert [each["team_id"] for each in sent["result"]["assignments"]] == [str(uid(2))]
    run(database, on("incident.unmerge", "2"), seconds=20)
    assert view(database)["missing_skills"] == ["patrol"]


def test_a_refusal_on_a_duplicate_calls_for_what_its_root_lacks_then(database):
    run(database, collision("1"), create("2", push=True), auto("2"), on("incident.assign", "1", team="T1"))
    run(database, on("incident.merge", "2", into="police110:1"), seconds=10)
    run(database, tell("refuse", "T2", "2", reason=BUSY), seconds=20)
    assert sorted(going(database)) == [1, 4]


def test_a_duplicates_hand_picked_team_is_not_replaced_while_others_go_to_the_root(database):
    run(database, collision("1"), create("2", push=True), on("incident.assign", "2", team="T2"), auto("1"))
    run(database, on("incident.merge", "2", into="police110:1"), seconds=10)
    run(database, tell("withdraw", "T4"), tell("refuse", "T2", "2", reason=BUSY), seconds=20)
    assert sorted(going(database)) == [1]


def test_the_recommendation_shows_who_would_go_together_and_what_each_is_for(database):
    run(database, collision())
    found = queries.recommendations(FakeReading(database.unit), ACTOR, "police110:1")
    dump_answer("dispatch.recommend", found)
    shown = [(c["call_sign"], c["rank"], c["picked"], c["chosen"], c["skills"]) for c in found["candidates"]]
    assert shown == [
        ("T1", 1, True, True, ["patrol"]), ("T2", 2, True, True, ["medical"]), ("T3", 3, True, False, ["patrol"]),
        ("T4", 4, True, False, ["medical"]), ("T5", 5, True, False, ["patrol", "medical"]),
        ("T6", None, False, False, []),
    ]  # fmt: skip
    reasons = {each["call_sign"]: each["reasons"] for each in found["candidates"]}
    assert "closest_eta" in reasons["T1"]
    assert "closest_eta" in reasons["T2"]
    assert (reasons["T3"][0], reasons["T6"]) == ("ranked_lower", ["skill_missing"])
    assert ("has_skills" in reasons["T1"], "has_skills" in reasons["T5"]) == (False, True)
    assert (found["skills"], found["missing_skills"]) == (["patrol", "medical"], [])


def test_the_recommendation_is_for_what_is_still_missing(database):
    run(database, collision(), on("incident.assign", team="T3"))
    found = queries.recommendations(FakeReading(database.unit), ACTOR, "police110:1")
    assert (found["skills"], [c["call_sign"] for c in found["candidates"] if c["chosen"]]) == (["medical"], ["T2"])


def test_what_was_written_before_skills_were_is_not_taken_for_missing(database):
    run(database, collision(), auto())
    facts = {**incident_rows.assignment_row(incident(database).assignments[0])["facts"]}
    del facts["skills"]
    row = (uid(1), uid(1), uid(1), 1, None, "assigned", "{}", orjson.dumps(facts))
    assert incident_rows.to_assignment(row).skills is None
    incident(database).assignments[0].skills = None
    assert view(database)["missing_skills"] == []
    assert "skills" not in view(database)["assignments"][0]
    assert Need.of(incident(database), t(9)).skills == ("patrol", "medical")


def test_what_a_duplicates_teams_bring_goes_through_its_row_beside_the_rest(database):
    run(database, collision("1"), create("2", category="traffic_collision", push=True), auto("2"))
    run(database, on("incident.merge", "2", into="police110:1"), seconds=10)
    root = incident(database)
    *_, facts = incident_rows.documents(root)
    raw = orjson.loads(facts)
    assert json_records.absorbed(raw["absorbed"], raw["brings"]) == root.absorbed
    # The release before has no field of this name: it must not find it there, and writes the row without it.
    assert all("brings" not in each for each in raw["absorbed"].values())
    ((duplicate, known),) = json_records.absorbed(raw["absorbed"], {}).items()
    assert known == replace(root.absorbed[duplicate], brings=None)
    root.absorbed[duplicate] = known
    assert skills.lacking(root) == ()
