"""What each command does: intake, offers, contact details, merging, teams, corrections."""

from chassis.actor import Actor
from tests.unit.dispatch.asking import create, incident, on, run, tell
from tests.unit.dispatch.fakes import ACTOR


def test_a_number_that_is_an_incident_already_is_refused_and_names_it(database):
    first, second = run(database, create(), create())
    assert second["problem"]["code"] == "reference_taken"
    assert second["problem"]["incident_id"] == first["result"]["incident_id"]


def test_likely_duplicates_are_reported_or_refused_before_creation(database):
    run(database, create("1", summary="3号楼有人晕倒"))
    reported, refused = run(
        database,
        create("2", summary="有人晕倒在3号楼"),
        create("3", summary="有人晕倒在3号楼", on_likely_duplicate="refuse"),
        seconds=30,
    )
    (alike, *_) = reported["result"]["likely_duplicates"]
    assert alike["reasons"] == ["near", "same_time", "same_category", "similar_text"]
    assert refused["problem"]["code"] == "likely_duplicate"
    assert incident(database, "3") is None


def test_an_unknown_grid_is_named(database):
    (answer,) = run(database, create(location={"grid_code": "999999777"}))
    assert (answer["problem"]["code"], answer["problem"]["field"]) == ("unknown_grid", "data.location.grid_code")


def test_a_place_outside_the_county_is_taken_and_goes_to_the_county_centre(database):
    (answer,) = run(database, create(location={"lat": 10.0, "lon": 10.0}, push=True))
    assert answer["result"]["flags"] == ["location_unresolved"]
    assert incident(database).centre_code == "C-999999"


def test_auto_sends_the_first_of_the_recommendation_and_holds_the_centre_meanwhile(database):
    run(database, create(push=True), on("incident.assign", auto=True))
    assert incident(database).assignments[0].team_id == database.unit.teams.by_call_sign("T1").id
    assert database.unit.locked == ["C-999999001001"]


def test_a_refused_offer_moves_on_to_the_next_team_at_once(database):
    run(database, create(push=True), on("incident.assign", auto=True), tell("refuse", "T1", reason="车辆故障"))
    assert [str(a.state) for a in incident(database).assignments] == ["refused", "assigned"]
    assert incident(database).assignments[1].auto


def test_when_nobody_is_left_the_incident_waits_on_the_desk(database):
    refusals = [tell("refuse", f"T{number}", reason="忙") for number in (1, 2, 3)]
    answers = run(database, create(push=True), on("incident.assign", auto=True), *refusals)
    assert [answer["ok"] for answer in answers] == [True] * 5
    assert str(incident(database).state) == "pushed"
    (answer,) = run(database, on("incident.assign", auto=True), seconds=1)
    assert answer["problem"]["code"] == "no_team_available"
    assert answer["problem"]["reasons"] == {"refused_already": 3}


def test_that_nobody_is_free_is_no_answer_for_an_incident_that_nobody_can_be_sent_to(database):
    """Seed 20100196044: a merged incident, all of whose teams were busy, was said to wait for a free one."""
    refusals = [tell("refuse", f"T{number}", reason="忙") for number in (1, 2, 3)]
    run(database, create("1", push=True), create("2", push=True), on("incident.assign", "1", auto=True))
    run(database, *({**each, "incident": "police110:1"} for each in refusals))
    run(database, on("incident.merge", "1", into="police110:2"), seconds=1)
    (answer,) = run(database, on("incident.assign", "1", auto=True), seconds=2)
    assert answer["problem"]["code"] == "incident_merged"


def test_a_hand_picked_team_may_be_busy_or_off_shift_but_that_is_on_the_record(database):
    run(database, create("1", push=True), create("2", push=True), on("incident.assign", "1", team="T1"))
    database.unit.teams.candidates()
    (answer,) = run(database, on("incident.assign", "2", team="T1"), seconds=2)
    assert answer["result"]["flags"] == ["at_capacity"]
    run(database, {"command": "team.change", "team": "T2", "data": {"in_service": False}}, seconds=3)
    (answer,) = run(database, on("incident.assign", "2", team="T2"), seconds=4)
    assert answer["problem"]["code"] == "team_out_of_service"


def test_an_assignment_is_found_by_its_id_or_by_incident_and_team(database):
    _, assigned = run(database, create(push=True), on("incident.assign", team="T1"))
    by_id = {"command": "assignment.accept", "assignment": assigned["result"]["assignment_id"]}
    answers = run(database, by_id, tell("depart", "T1"), tell("depart", "T2"), tell("depart", "T9"), seconds=5)
    assert [answer["ok"] for answer in answers] == [True, True, False, False]
    assert [answer["problem"]["code"] for answer in answers[2:]] == ["unknown_assignment", "unknown_team"]


def test_a_stage_with_a_place_moves_the_team(database):
    run(database, create(push=True), on("incident.assign", team="T1"), tell("arrive", "T1", lat=30.5, lon=120.5))
    assert database.unit.teams.by_call_sign("T1").position.lat == 30.5


def test_contact_details_are_sealed_read_for_a_purpose_and_never_remembered(database):
    run(database, create(caller={"name": "测试甲", "phone": "00000000000"}))
    asked = {**on("incident.read_contact", purpose="call_back"), "key": "c"}
    (answer,) = run(database, asked)
    assert answer["result"]["contact"] == {"name": "测试甲", "phone": "00000000000"}
    assert (ACTOR.client, "c") not in database.unit.answers.rows
    told = incident(database).events
    assert [event.type for event in told].count("contact_read") == 1
    assert "测试甲" not in str([event.data for event in told])
    assert incident(database).masked_phone == "*********00"


def test_no_contact_is_a_refusal_and_leaves_no_record(database):
    run(database, create())
    (answer,) = run(database, on("incident.read_contact", purpose="call_back"))
    assert answer["problem"]["code"] == "no_contact"


def test_merging_goes_to_the_root_and_back(database):
    run(database, create("1", push=True), create("2", push=True), create("3", push=True))
    run(
        database,
        on("incident.merge", "2", into="police110:1"),
        on("incident.merge", "3", into="police110:2"),
        seconds=5,
    )
    assert incident(database, "3").merged_into == incident(database, "1").id
    run(database, on("incident.unmerge", "2"), seconds=9)
    assert incident(database, "3").merged_into == incident(database, "2").id
    assert str(incident(database, "2").state) == "pushed"


def test_a_team_sent_on_a_duplicate_arrives_for_the_root_too(database):
    run(database, create("1", push=True), create("2", push=True), on("incident.assign", "2", team="T1"))
    run(database, on("incident.merge", "2", into="police110:1"), tell("arrive", "T1", "2"), seconds=30)
    assert str(incident(database, "1").state) == "on_scene"


def test_an_incident_outside_the_actors_jurisdiction_is_not_there(database):
    run(database, create())
    elsewhere = Actor("x", "desk", ("dispatcher",), ("999999002",))
    (answer,) = run(database, on("incident.push"), actor=elsewhere)
    (absent,) = run(database, on("incident.push", "none"), actor=elsewhere)
    assert answer["problem"] == absent["problem"]
    assert (answer["problem"]["code"], answer["problem"]["status"]) == ("unknown_incident", 404)
    assert incident(database).version == 1


def test_the_view_is_the_whole_incident_and_is_given_again_with_the_key(database):
    asked = {**create(push=True), "key": "v", "view": True}
    (first,) = run(database, asked)
    (again,) = run(database, asked, seconds=8)
    assert first["result"]["incident"]["state"] == "pushed"
    assert again["result"]["incident"] == first["result"]["incident"]


def test_a_team_is_created_changed_moved_and_given_shifts(database):
    made = {
        "command": "team.create",
        "data": {"call_sign": "E39", "name_zh": "消防一组", "kind": "fire", "centre_code": "C-999999001"},
    }
    shifts = [{"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-02T08:00:00Z"}]
    answers = run(
        database,
        made,
        made,
        {"command": "team.change", "team": "E39", "data": {"skills": ["fire"], "base": {"lat": 30.0, "lon": 120.0}}},
        {"command": "team.move", "team": "E39", "data": {"lat": 30.1, "lon": 120.1}},
        {"command": "team.shifts", "team": "E39", "data": {"shifts": shifts}},
        {"command": "team.change", "team": "E39", "data": {"centre_code": "nowhere"}},
    )
    assert [answer.get("problem", {}).get("code") for answer in answers] == [
        None,
        "call_sign_taken",
        None,
        None,
        None,
        "unknown_centre",
    ]
    assert answers[4]["result"]["version"] == 4
    assert [event.type for event in database.unit.teams.by_call_sign("E39").events] == [
        "created",
        "changed",
        "moved",
        "changed",
    ]


def test_a_correction_is_made_through_the_command_and_judged(database):
    run(database, create(push=True), on("incident.assign", team="T1"))
    run(
        database,
        on("incident.correct", stage="received", occurred_at="2026-01-02T02:58:00Z", why="时钟偏差"),
        seconds=5,
    )
    assert incident(database).breaches[("push", 1)].stands


def test_escalating_by_hand_goes_up_until_the_county(database):
    run(database, create(push=True))
    answers = run(database, *[on("incident.escalate", reason="需要支援")] * 3, seconds=1)
    assert [answer["ok"] for answer in answers] == [True, True, False]
    assert (incident(database).level, answers[2]["problem"]["code"]) == ("county", "top_reached")
