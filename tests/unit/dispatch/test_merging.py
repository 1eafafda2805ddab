"""Duplicates stand under one root, transitively, and come out again without loss."""

import pytest

from services.dispatch.application.deadlines import fire_deadlines
from services.dispatch.application.ports import Fired
from services.dispatch.domain import desk, fieldwork, merging
from services.dispatch.domain.errors import Conflict, Invalid
from services.dispatch.domain.recommendation import Need
from services.dispatch.domain.states import IncidentState
from tests.unit.dispatch.asking import create, incident, on, run, tell
from tests.unit.dispatch.builders import ROUTE, armed, assigned, pushed, received, report, send, t, types, uid


def test_a_merged_incident_stops_its_clocks_and_keeps_its_own_timeline():
    root, duplicate = pushed(number=1), pushed(number=2)
    merging.merge(duplicate, root, root, [], report(30))
    assert (duplicate.state, duplicate.merged_into) == (IncidentState.MERGED, root.id)
    assert armed(duplicate) == {}
    assert all(clock.state != "running" for clock in duplicate.clockwork.clocks)
    assert types(duplicate) == ["received", "pushed", "merged"]


def test_un_merging_restores_state_and_clocks_as_they_were():
    root, duplicate = pushed(number=1), pushed(number=2)
    before = armed(duplicate)
    merging.merge(duplicate, root, root, [], report(30))
    merging.unmerge(duplicate, root, [duplicate], report(40))
    assert (duplicate.state, duplicate.merge) == (IncidentState.PUSHED, None)
    assert armed(duplicate) == before
    assert duplicate.clockwork.current("assign").state == "running"


def test_the_teams_of_a_duplicate_count_for_the_root_while_it_stands_under_it():
    root, duplicate = pushed(number=1), assigned(at=20, number=2)
    merging.merge(duplicate, root, root, [], report(30))
    assert (root.state, root.first_assigned_at) == (IncidentState.ASSIGNED, t(20))
    assert root.clockwork.current("assign").state == "met"
    since = duplicate.version
    fieldwork.arrive(duplicate, duplicate.assignments[0], report(90))
    merging.mirror(duplicate, root, report(90), since)
    assert (root.state, root.first_on_scene_at, types(root)[-1]) == (IncidentState.ON_SCENE, t(90), "arrived")
    assert root.clockwork.current("arrive").state == "met"


def test_un_merging_takes_the_duplicates_teams_along_with_the_stamps_they_told_meanwhile():
    root, duplicate = pushed(number=1), assigned(at=20, number=2)
    merging.merge(duplicate, root, root, [], report(30))
    fieldwork.depart(duplicate, duplicate.assignments[0], report(35))
    merging.mirror(duplicate, root, report(35), duplicate.version - 1)
    merging.unmerge(duplicate, root, [duplicate], report(40))
    assert duplicate.state is IncidentState.EN_ROUTE
    assert (root.state, root.first_assigned_at) == (IncidentState.PUSHED, None)
    assert root.clockwork.current("arrive").state == "stopped"
    assert "breach.assign#2" in armed(root)


def test_stamps_told_on_the_root_meanwhile_stay_there():
    root, duplicate = pushed(number=1), pushed(number=2)
    merging.merge(duplicate, root, root, [], report(30))
    send(root, 40, team=8)
    merging.unmerge(duplicate, root, [duplicate], report(50))
    assert (root.state, root.first_assigned_at, len(root.assignments)) == (IncidentState.ASSIGNED, t(40), 1)
    assert duplicate.first_assigned_at is None


def test_merging_a_root_moves_its_duplicates_and_un_merging_brings_them_back():
    top, middle, child = (pushed(number=n) for n in (1, 2, 3))
    merging.merge(child, middle, middle, [], report(20))
    merging.merge(middle, top, top, [child], report(30))
    assert child.merged_into == middle.merged_into == top.id
    assert child.merge.parent_id == middle.id
    merging.unmerge(middle, top, [middle, child], report(40))
    assert (middle.merge, child.merged_into) == (None, middle.id)


def test_an_incident_cannot_stand_under_itself_or_under_its_own_duplicate():
    root, duplicate = pushed(number=1), pushed(number=2)
    with pytest.raises(Invalid):
        merging.merge(root, root, root, [], report(20))
    merging.merge(duplicate, root, root, [], report(20))
    with pytest.raises(Invalid) as refused:
        merging.merge(root, duplicate, root, [duplicate], report(30))
    assert refused.value.code == "merge_into_itself"
    with pytest.raises(Conflict, match="already"):
        merging.merge(duplicate, root, root, [], report(30))


def test_a_drill_never_becomes_one_with_a_real_incident():
    with pytest.raises(Invalid) as refused:
        merging.merge(received(number=2, exercise=True), received(number=1), received(number=1), [], report(5))
    assert refused.value.code == "exercise_mismatch"


def test_a_desk_command_on_a_duplicate_names_the_root():
    root, duplicate = pushed(number=1), pushed(number=2)
    merging.merge(duplicate, root, root, [], report(20))
    for act in (
        lambda: desk.resolve(duplicate, report(30), "settled"),
        lambda: desk.push(duplicate, ROUTE, report(30)),
    ):
        with pytest.raises(Conflict) as refused:
            act()
        assert (refused.value.code, refused.value.extra["into"]) == ("incident_merged", str(uid(1)))


def test_when_nobody_answers_for_a_duplicate_its_root_is_offered_to_the_next_team_at_once(database):
    run(database, create("1", push=True), create("2", push=True), on("incident.assign", "2", auto=True))
    run(database, on("incident.merge", "2", into="police110:1"), seconds=10)
    database.unit.now = t(30)
    fire_deadlines(database.unit, [Fired(incident(database, "2").id, "answer.1", 1, t(30))])
    root = incident(database, "1")
    assert [(a.team_id, a.state, a.auto) for a in root.assignments] == [(uid(2), "assigned", True)]
    assert types(root)[-2:] == ["offer_expired", "assigned"]


def test_a_refusal_on_a_duplicate_calls_nobody_to_a_root_where_a_team_is_going(database):
    run(database, create("1", push=True), create("2", push=True), on("incident.assign", "2", auto=True))
    run(database, on("incident.assign", "1", team="T3"), on("incident.merge", "2", into="police110:1"), seconds=10)
    run(database, tell("refuse", "T1", "2", reason="车辆故障"), seconds=20)
    assert [a.team_id for a in incident(database, "1").assignments] == [uid(3)]


def test_a_team_that_is_going_to_a_duplicate_is_not_sent_to_its_root_as_well(database):
    run(database, create("1", push=True), create("2", push=True), on("incident.assign", "2", team="T2"))
    run(database, on("incident.merge", "2", into="police110:1"), seconds=10)
    (refused,) = run(database, on("incident.assign", "1", team="T2"), seconds=20)
    assert refused["problem"]["code"] == "team_already_assigned"
    assert Need.of(incident(database, "1"), t(20)).going == {uid(2)}
