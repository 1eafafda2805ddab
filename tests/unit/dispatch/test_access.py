"""Who may do what to which row: by role, by place, by team, by who reported it, for a purpose."""

from dataclasses import replace

import pytest

from contracts.dispatch.queries import Incident as IncidentContract
from services.dispatch.application import queries, selecting
from services.dispatch.application.withholding import PARTS
from services.dispatch.domain.errors import Forbidden, Hidden, NotFound
from services.dispatch.domain.team import Member
from tests.support.callers import person
from tests.unit.dispatch.asking import create, incident, on, run, tell
from tests.unit.dispatch.builders import COMMUNITY, TOWN
from tests.unit.dispatch.fakes import FakeReading

HERE, THERE = (COMMUNITY,), ("999999002",)
DISPATCHER = person("dispatcher", at=HERE)
CREW = person("team_member", subject="p-7", at=HERE)
RESIDENT = person("resident", subject="r-1", at=())


def code(answer):
    return "ok" if answer["ok"] else (answer["problem"]["code"], answer["problem"].get("rule"))


@pytest.fixture
def manned(database):
    """Incident 1 with team T1 assigned, in whose crew p-7 stands; incident 2 without."""
    database.unit.teams.by_call_sign("T1").members = (Member("lead", "p-6"), Member("driver", "x", stand_in="p-7"))
    run(
        database,
        create("1", push=True),
        on("incident.assign", "1", team="T1"),
        create("2", push=True, category="other"),
    )
    return database


def test_a_permission_that_no_role_gives_is_named_before_anything_is_looked_up(database):
    run(database, create())
    loads = database.unit.incidents.loads
    (answer,) = run(database, on("incident.archive"), actor=person("grid_worker", at=HERE))
    assert answer["problem"]["code"] == "forbidden"
    assert answer["problem"]["permission"] == "incident.archive"
    assert database.unit.incidents.loads == loads


def test_who_sees_an_incident_and_may_not_do_this_to_it_there_is_told_which_rule(manned):
    # Of the area by one role, and able to resolve by another that reaches the own team's incidents only.
    both = person("team_member", "auditor", subject="nobody-in-a-crew", at=HERE)
    (answer,) = run(manned, on("incident.resolve", "1", outcome="handled"), actor=both)
    assert (answer["problem"]["code"], answer["problem"]["permission"]) == ("forbidden", "incident.resolve")


def test_a_team_member_tells_of_the_own_team_and_of_no_other(manned):
    assert code(run(manned, tell("accept", "T1", "1"), actor=CREW)[0]) == "ok"
    other = replace(CREW, subject="p-8")
    assert code(run(manned, tell("depart", "T1", "1"), actor=other)[0])[0] == "unknown_incident"
    assignment = str(incident(manned, "1").assignments[0].id)
    by_id = {"command": "assignment.depart", "assignment": assignment, "data": {}}
    assert code(run(manned, by_id, actor=other)[0])[0] == "unknown_assignment"
    assert code(run(manned, by_id, actor=CREW)[0]) == "ok"


def test_a_team_member_sees_what_the_team_is_sent_to_and_no_longer_what_it_refused(manned):
    reading = FakeReading(manned.unit)
    assert queries.get_incident(reading, CREW, "police110:1")["state"] == "assigned"
    with pytest.raises(Hidden):
        queries.get_incident(reading, CREW, "police110:2")
    run(manned, tell("refuse", "T1", "1", reason="车辆故障"), actor=CREW)
    with pytest.raises(Hidden):
        queries.get_incident(FakeReading(manned.unit), CREW, "police110:1")


def test_a_resident_sees_the_own_report_without_who_is_sent_and_no_other(database):
    run(database, create("2"))
    (made,) = run(database, {**create("1", source="resident", push=True), "view": True}, actor=RESIDENT)
    assert made["result"]["incident"]["assignments"] == []
    run(database, on("incident.assign", "1", team="T1"))
    view = queries.get_incident(FakeReading(database.unit), RESIDENT, "police110:1", ["timeline"])
    assert (view["state"], view["assignments"], view["clocks"], view["timeline"]) == ("assigned", [], [], [])
    hidden = {"masked_phone", "has_contact", "assignments", "missing_skills", "clocks", "timeline"}
    assert set(view["withheld"]) == hidden
    with pytest.raises(NotFound):
        queries.get_incident(FakeReading(database.unit), RESIDENT, "police110:2")


def test_a_mediator_sees_disputes_of_the_area_only(database):
    run(database, create("1", category="neighbour_dispute"), create("2"))
    mediator = person("mediator", at=HERE)
    assert queries.get_incident(FakeReading(database.unit), mediator, "police110:1")["kind"] == "dispute"
    with pytest.raises(Hidden):
        queries.get_incident(FakeReading(database.unit), mediator, "police110:2")


def test_what_is_hidden_is_told_in_the_words_for_what_is_not_there(database):
    run(database, create("1"))
    elsewhere, reading = person("dispatcher", at=THERE), FakeReading(database.unit)
    with pytest.raises(NotFound) as hidden:
        queries.get_incident(reading, elsewhere, "police110:1")
    with pytest.raises(NotFound) as absent:
        queries.get_incident(reading, elsewhere, "police110:9")
    assert hidden.value.detail.replace("110:1", "110:9") == absent.value.detail
    assert (hidden.value.code, hidden.value.field, hidden.value.extra) == (
        absent.value.code, absent.value.field, absent.value.extra,
    )  # fmt: skip


def test_a_call_is_taken_in_from_anywhere_and_by_outside_systems_from_their_area(database):
    assert code(run(database, create("1"), actor=person("dispatcher", at=THERE))[0]) == "ok"
    assert code(run(database, create("2"), actor=RESIDENT)[0]) == "ok"
    system = person("integration", at=THERE)
    assert code(run(database, create("3"), actor=system)[0]) == ("forbidden", "jurisdiction")
    nowhere = create("4")
    nowhere["data"]["location"] = {"address": "示例路"}
    assert code(run(database, nowhere, actor=system)[0]) == "ok"


def test_a_number_that_is_taken_elsewhere_is_refused_without_telling_by_what(database):
    run(database, create("1"))
    (seen,) = run(database, create("1"), actor=DISPATCHER)
    (unseen,) = run(database, create("1"), actor=person("dispatcher", at=THERE))
    assert (seen["problem"]["code"], unseen["problem"]["code"]) == ("reference_taken", "reference_taken")
    assert "incident_id" in seen["problem"]
    assert "incident_id" not in unseen["problem"]


def test_likely_duplicates_outside_are_not_told_of(database):
    run(database, create("1", summary="有人晕倒"))
    (here, there) = (
        run(database, create(number, summary="有人晕倒"), actor=person("dispatcher", at=at))[0]["result"]
        for number, at in (("2", HERE), ("3", THERE))
    )
    assert here["likely_duplicates"]
    assert "likely_duplicates" not in there


def test_merging_needs_sight_of_both(database):
    run(database, create("1"), create("2"))
    (answer,) = run(database, on("incident.merge", "2", into="police110:none"), actor=DISPATCHER)
    assert code(answer)[0] == "unknown_incident"
    assert code(run(database, on("incident.merge", "2", into="police110:1"), actor=DISPATCHER)[0]) == "ok"


@pytest.mark.parametrize(
    ("role", "purpose", "expected"),
    [
        ("dispatcher", "call_back", "ok"),
        ("dispatcher", "legal_request", ("forbidden", "purpose")),
        ("police", "legal_request", "ok"),
        ("auditor", "legal_request", ("forbidden", "role")),
        ("ops", "handle", ("forbidden", "role")),
    ],
)
def test_a_contact_is_read_for_a_purpose_that_the_role_has(database, role, purpose, expected):
    run(database, create("1", caller={"phone": "00000000000"}))
    (answer,) = run(database, on("incident.read_contact", "1", purpose=purpose), actor=person(role, at=HERE))
    assert code(answer) == expected


def test_a_request_that_states_another_purpose_reads_no_contact(database):
    run(database, create("1", caller={"phone": "00000000000"}))
    actor = replace(DISPATCHER, purpose="follow_up")
    (answer,) = run(database, on("incident.read_contact", "1", purpose="call_back"), actor=actor)
    assert answer["problem"]["code"] == "purpose_differs"


def test_a_denial_is_not_kept_under_its_key_and_a_right_taken_away_stops_a_repeat(database):
    run(database, create("1"))
    note = {**on("incident.note", "1", note="备注"), "key": "k"}
    weak = person("ops", at=HERE)
    assert code(run(database, note, actor=weak)[0])[0] == "forbidden"
    assert code(run(database, note, actor=replace(weak, roles=("dispatcher",)))[0]) == "ok"
    (again,) = run(database, note, actor=weak)
    assert (again["replayed"], again["problem"]["code"]) == (False, "forbidden")


def test_two_people_of_one_client_never_get_each_others_answers(database):
    first = {**create("1"), "key": "k"}
    run(database, first, actor=DISPATCHER)
    (answer,) = run(database, first, actor=replace(DISPATCHER, subject="p-2"))
    assert answer["problem"]["code"] == "reference_taken"
    assert not answer["replayed"]


@pytest.mark.parametrize(("role", "hidden"), [("ops", 3), ("auditor", 3), ("integration", 1), ("grid_worker", 1)])
def test_parts_that_a_role_does_not_give_are_left_out_and_named(database, role, hidden):
    run(database, create("1", caller={"phone": "00000000000"}))
    actor = person(role, at=HERE)
    view = queries.get_incident(FakeReading(database.unit), actor, "police110:1")
    parts = [names for names in PARTS.values() if set(names) & set(view["withheld"])]
    assert len(parts) == hidden
    assert (view["masked_phone"], view["has_contact"]) == (None, False)
    IncidentContract().load(view)


def test_a_list_of_chosen_members_leaves_out_the_same(database):
    run(database, create("1", summary="演示"))
    actor = person("auditor", at=HERE)
    (cut,) = selecting.select_incidents(FakeReading(database.unit), actor, ["state", "summary", "lat"], {})["incidents"]
    assert cut == {"state": "received", "summary": None, "lat": None, "withheld": ["lat", "summary"]}


def test_a_team_of_another_town_is_not_seen_and_its_crew_is_not_for_everybody(manned):
    reading = FakeReading(manned.unit)
    with pytest.raises(NotFound):
        queries.get_team(reading, person("dispatcher", at=THERE), "T1")
    assert queries.get_team(reading, person("dispatcher", at=(TOWN,)), "T1")["members"]
    ops = queries.get_team(reading, person("ops", at=(TOWN,)), "T1")
    assert (ops["members"], ops["withheld"]) == ([], ["members"])
    assert [t["call_sign"] for t in queries.list_teams(reading, CREW)["teams"]] == ["T1"]
    assert queries.list_teams(reading, replace(CREW, subject="p-9"))["teams"] == []
    (seen,) = queries.list_teams(reading, CREW)["teams"]
    assert queries.get_teams(reading, CREW, [seen["team_id"]])["teams"] == [seen]
    assert queries.get_teams(reading, CREW, ["00000000-0000-4000-8000-000000000000"])["teams"] == []


def test_a_team_is_set_up_and_moved_to_within_the_area_only(database):
    lead = person("town_lead", at=(TOWN,))
    told = {"call_sign": "N1", "name_zh": "演示组", "kind": "medical"}
    inside = {"command": "team.create", "data": {**told, "centre_code": "C-999999001"}}
    outside = {"command": "team.create", "data": {**told, "call_sign": "N2", "centre_code": "C-999999"}}
    assert [code(each) for each in run(database, inside, outside, actor=lead)] == ["ok", ("forbidden", "jurisdiction")]
    away = {"command": "team.change", "team": "N1", "data": {"centre_code": "C-999999"}}
    assert code(run(database, away, actor=lead)[0]) == ("forbidden", "jurisdiction")


@pytest.mark.parametrize("ask", [queries.list_incidents, queries.list_teams, queries.list_centres])
def test_a_list_is_refused_to_who_has_no_right_to_any_of_it(database, ask):
    arguments = ({},) if ask is queries.list_incidents else ()
    with pytest.raises(Forbidden) as refused:
        ask(FakeReading(database.unit), person("system"), *arguments)
    assert refused.value.rule == "role"


def test_a_denied_command_leaves_a_record_and_one_that_does_not_exist_leaves_none(database):
    run(database, create("1"))
    actor = replace(person("dispatcher", at=THERE), purpose="handle")
    run(database, on("incident.push", "1"), on("incident.push", "none"), actor=actor)
    (entry,) = database.unit.denials
    known = incident(database, "1")
    assert (entry.asked, entry.permission, entry.rule, entry.code) == (
        "incident.push", "incident.push", "jurisdiction", "unknown_incident",
    )  # fmt: skip
    assert (entry.subject, entry.purpose, entry.about) == ("p-0001", "handle", str(known.id))
    assert entry.jurisdiction == known.jurisdiction
