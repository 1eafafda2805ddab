"""What the simulation found about merging.

Each test tells the story that a seed had shown, without the simulation: a seed replays with the code of its own time
(tests/model/README.md), the story stays.
"""

from dataclasses import replace

from services.dispatch.domain import closing, desk, fieldwork, merging
from services.dispatch.domain.states import IncidentState
from tests.unit.dispatch.asking import create, incident, on, run, tell
from tests.unit.dispatch.builders import P115, ROUTE, armed, assigned, pushed, received, report, send, t, types

WITH_FEEDBACK = replace(P115, targets={**P115.targets, "feedback": 600.0})


def told_on(root, duplicate, act, at, recorded=None):
    """What a duplicate's first team tells, as its root hears it."""
    since = duplicate.version
    act(duplicate, duplicate.assignments[0], report(at, recorded))
    merging.mirror(duplicate, root, report(at, recorded), since)


def test_a_stage_that_moves_nothing_on_the_root_is_told_there_all_the_same():
    """Seed 100000006: `accepted` and `cleared` of a duplicate's team never reached the root's timeline."""
    root, duplicate = pushed(number=1), assigned(at=20, number=2)
    merging.merge(duplicate, root, root, [], report(30))
    for act, stage in ((fieldwork.accept, "accepted"), (fieldwork.arrive, "arrived"), (fieldwork.clear, "cleared")):
        since = duplicate.version
        act(duplicate, duplicate.assignments[0], report(40))
        merging.mirror(duplicate, root, report(40), since)
        assert types(root)[-1] == stage


def test_a_root_that_is_pushed_after_the_merge_stands_where_its_duplicates_teams_are():
    """Seed 100000246: it said `pushed` with a team on the scene, and its assign clock ran for nothing."""
    root, duplicate = received(number=1), assigned(at=20, number=2)
    merging.merge(duplicate, root, root, [], report(30))
    desk.push(root, ROUTE, report(40))
    assert root.state is IncidentState.ASSIGNED
    assert root.clockwork.current("assign").state == "met"
    assert not any("assign" in kind for kind in armed(root))


def test_a_duplicate_that_came_in_time_is_no_false_breach_of_a_resolved_root():
    """Seed 100000184: `breached` and `breach_withdrawn` were told in one breath."""
    root, duplicate = assigned(at=20, number=1), assigned(at=25, number=2)
    fieldwork.withdraw(root, root.assignments[0], report(26), "")
    root.clockwork.clocks[:] = [clock for clock in root.clockwork.clocks if clock.stage != "arrive"]
    desk.resolve(root, report(900), "settled")
    fieldwork.arrive(duplicate, duplicate.assignments[0], report(200, 910))
    merging.merge(duplicate, root, root, [], report(920))
    assert root.clockwork.current("arrive").state == "met"
    assert "breached" not in types(root)[-2:]


def test_closing_a_duplicate_takes_its_teams_off_the_root_too(database):
    """Seed 100000752: the root stayed `on_scene` with nobody there and nobody asked for."""
    run(database, create("1", push=True), create("2", push=True), on("incident.assign", "2", team="T1"))
    run(database, tell("arrive", "T1", "2"), on("incident.merge", "2", into="police110:1"), seconds=20)
    assert incident(database, "1").state is IncidentState.ON_SCENE
    run(database, on("incident.close", "2"), seconds=30)
    root = incident(database, "1")
    assert (root.state, types(root)[-1]) == (IncidentState.PUSHED, "withdrawn")
    assert root.clockwork.current("assign").state == "running"


def test_an_incident_that_goes_under_another_keeps_what_its_own_duplicates_had_met():
    """Once chains of merges were drawn: its arrive clock forgot who had met it and measured from another team."""
    top, middle, child = pushed(number=1), pushed(number=2), assigned(at=20, number=3)
    merging.merge(child, middle, middle, [], report(30))
    since = child.version
    fieldwork.arrive(child, child.assignments[0], report(60))
    merging.mirror(child, middle, report(60), since)
    merging.merge(middle, top, top, [child], report(70))
    middle.judge_clocks(("assign", "arrive"), report(80))
    arrival = middle.clockwork.current("arrive")
    assert (arrival.started_at, arrival.met_at) == (t(20), t(60))


def test_what_left_the_root_meanwhile_does_not_come_back_with_the_incident_it_had_come_with():
    top, middle, child = pushed(number=1), pushed(number=2), assigned(at=20, number=3)
    merging.merge(child, middle, middle, [], report(30))
    merging.merge(middle, top, top, [child], report(40))
    merging.unmerge(child, top, [middle, child], report(50))
    merging.unmerge(middle, top, [middle], report(60))
    assert (middle.absorbed, middle.state) == ({}, IncidentState.PUSHED)


def test_taking_a_duplicate_out_of_an_archived_root_starts_no_clock_there():
    """Seed 100003814: the arrive clock of an archived incident ran, breached and escalated."""
    root, duplicate = assigned(at=20, number=1), assigned(at=20, team=8, number=2)
    fieldwork.arrive(duplicate, duplicate.assignments[0], report(100))
    merging.merge(duplicate, root, root, [], report(110))
    desk.resolve(root, report(400), "settled")
    desk.feed_back(root, report(410), "18")
    closing.close(root, report(420))
    closing.archive(root, report(430))
    merging.unmerge(duplicate, root, [duplicate], report(440))
    arrival = root.clockwork.current("arrive")
    assert (arrival.stopped_at, arrival.state) == (t(400), "breached")
    assert armed(root) == {}


def test_an_assign_clock_that_a_duplicates_team_met_stays_met_when_the_team_leaves_with_it():
    """Seed 100002565: two generations of one clock ran at once, and the older one could never end."""
    root, duplicate = pushed(at=10, number=1), assigned(at=20, number=2)
    merging.merge(duplicate, root, root, [], report(30))
    merging.unmerge(duplicate, root, [duplicate], report(300))
    assert [clock.state for clock in root.clockwork.of("assign")] == ["met", "running"]
    assert not any(kind.endswith("assign#1") for kind in armed(root))


def test_a_team_told_late_leaves_the_feedback_clock_of_a_resolved_incident_running():
    incident = pushed(policy=WITH_FEEDBACK)
    desk.resolve(incident, report(200), "settled")
    send(incident, 100, recorded=210)
    assert incident.clockwork.current("feedback").state == "running"
    assert incident.clockwork.current("arrive").state == "stopped"
    assert "breach.feedback#1" in armed(incident)


def test_taking_a_duplicate_out_of_a_reopened_root_leaves_the_cycle_that_ended_as_it_was():
    """Once a merged root was reopened: the arrive clock of the first cycle was measured anew at whatever came next."""
    root, duplicate = assigned(at=40, number=1), assigned(at=20, team=8, number=2)
    merging.merge(duplicate, root, root, [], report(50))
    fieldwork.arrive(root, root.assignments[0], report(90))
    desk.resolve(root, report(200), "settled")
    closing.reopen(root, report(300), "again")
    merging.unmerge(duplicate, root, [duplicate], report(310))
    root.judge_clocks(("assign", "arrive"), report(320))
    (arrival,) = root.clockwork.of("arrive")
    assert (arrival.cycle, arrival.started_at, arrival.met_at) == (1, t(20), t(90))


def test_a_root_never_has_two_assign_clocks_running():
    """Seed 2100002332: a duplicate's offer expired, was answered after all, and the duplicate was taken out again."""
    root, duplicate = pushed(number=1), assigned(at=20, number=2)
    merging.merge(duplicate, root, root, [], report(30))
    told_on(root, duplicate, fieldwork.expire, 50)
    told_on(root, duplicate, fieldwork.depart, 55)
    merging.unmerge(duplicate, root, [duplicate], report(70))
    assert [clock.state for clock in root.clockwork.of("assign")] == ["met", "met", "running"]
    send(root, 80)
    assert [clock.state for clock in root.clockwork.of("assign")] == ["met", "met", "met"]


def test_a_root_pushed_after_its_duplicates_team_has_gone_again_asks_for_another():
    """Seed 2300002386: the team that had gone met the assign clock, and nobody was asked for."""
    root, duplicate = received(number=1), assigned(at=20, number=2)
    merging.merge(duplicate, root, root, [], report(30))
    since = duplicate.version
    fieldwork.withdraw(duplicate, duplicate.assignments[0], report(35), "")
    merging.mirror(duplicate, root, report(35), since)
    desk.push(root, ROUTE, report(40))
    assert (root.state, root.clockwork.current("assign").state) == (IncidentState.PUSHED, "running")


def test_a_duplicates_team_that_answers_after_its_offer_expired_is_not_asked_for_again():
    """Until then the root said `en_route`, while its assign clock ran on to a breach and up to the county."""
    root, duplicate = pushed(at=10, number=1), assigned(at=20, number=2)
    merging.merge(duplicate, root, root, [], report(30))
    told_on(root, duplicate, fieldwork.expire, 50)
    assert "breach.assign#2" in armed(root)
    told_on(root, duplicate, fieldwork.depart, 55)
    assert (root.state, root.clockwork.current("assign").met_at) == (IncidentState.EN_ROUTE, t(55))
    assert not any("assign" in kind for kind in armed(root))
    told_on(root, duplicate, lambda *said: fieldwork.withdraw(*said, ""), 90)
    assert [clock.state for clock in root.clockwork.of("assign")] == ["met", "met", "running"]


def test_an_answer_to_an_expired_offer_meets_no_clock_of_a_root_reopened_since():
    root, duplicate = pushed(at=10, number=1), assigned(at=20, number=2)
    merging.merge(duplicate, root, root, [], report(30))
    told_on(root, duplicate, fieldwork.expire, 50)
    desk.resolve(root, report(60), "settled")
    closing.reopen(root, report(100), "again")
    told_on(root, duplicate, fieldwork.depart, 110)
    assert (root.state, root.clockwork.current("assign").state) == (IncidentState.PUSHED, "running")


def test_a_team_that_answers_while_its_incident_stands_two_deep_counts_when_the_one_between_comes_out():
    top, middle, child = pushed(number=1), pushed(number=2), assigned(at=20, number=3)
    merging.merge(child, middle, middle, [], report(30))
    told_on(middle, child, fieldwork.expire, 50)
    merging.merge(middle, top, top, [child], report(60))
    told_on(top, child, fieldwork.depart, 65)
    merging.unmerge(middle, top, [middle, child], report(70))
    assert (middle.state, middle.clockwork.current("assign").met_at) == (IncidentState.EN_ROUTE, t(65))
    assert (top.state, top.clockwork.current("assign").state) == (IncidentState.PUSHED, "running")


def test_an_incident_that_comes_out_without_the_duplicate_that_left_meanwhile_asks_for_a_team_anew():
    """Seed 10100005409: its assign clock was due long ago, and its arrive clock was met by a team that had left."""
    top, middle, child = pushed(number=1), pushed(number=2), assigned(at=20, number=3)
    fieldwork.arrive(child, child.assignments[0], report(25))
    merging.merge(child, middle, middle, [], report(30))
    merging.merge(middle, top, top, [child], report(40))
    merging.unmerge(child, top, [middle, child], report(200))
    merging.unmerge(middle, top, [middle], report(300))
    assert [(clock.state, clock.started_at) for clock in middle.clockwork.of("assign")] == [
        ("met", t(10)), ("running", t(300)),
    ]  # fmt: skip
    assert (middle.clockwork.current("arrive").met_at, middle.clockwork.current("arrive").state) == (None, "stopped")
    assert "breach.arrive#1" not in armed(middle)


def test_a_duplicates_arrival_told_late_takes_back_a_breach_of_the_cycle_that_ended_since():
    """Seed 2700002456: the root had been reopened, and the breach of its first cycle stood against a team in time."""
    root, duplicate = pushed(number=1), assigned(at=20, number=2)
    merging.merge(duplicate, root, root, [], report(30))
    desk.resolve(root, report(400), "settled")
    closing.reopen(root, report(500), "again")
    assert root.clockwork.current("arrive").breached
    told_on(root, duplicate, fieldwork.arrive, 200, recorded=510)
    assert (root.clockwork.current("arrive").met_at, types(root)[-1]) == (t(200), "breach_withdrawn")


def test_a_team_still_out_on_a_cycle_that_is_over_meets_no_clock_of_the_root_its_incident_comes_under():
    """Seeds 30100278885, 30100363413: the root's assign clock was met by it, and the root then asked for nobody."""
    root, duplicate = pushed(number=1), assigned(at=20, number=2)
    fieldwork.expire(duplicate, duplicate.assignments[0], report(50))
    fieldwork.depart(duplicate, duplicate.assignments[0], report(55))
    desk.resolve(duplicate, report(60), "settled")
    closing.reopen(duplicate, report(100), "again")
    merging.merge(duplicate, root, root, [], report(110))
    assert (root.state, root.clockwork.current("assign").met_at) == (IncidentState.PUSHED, None)


def test_a_duplicates_team_that_is_heard_of_after_the_root_was_reopened_is_no_answer_to_what_that_asks_now():
    """Seed 30100517981: it met the assign clock of the new cycle, and nobody was asked for any more."""
    root, duplicate = pushed(number=1), assigned(at=20, number=2)
    fieldwork.expire(duplicate, duplicate.assignments[0], report(50))
    desk.resolve(root, report(60), "settled")
    merging.merge(duplicate, root, root, [], report(70))
    closing.reopen(root, report(100), "again")
    told_on(root, duplicate, fieldwork.arrive, 40, recorded=110)
    assert (root.state, root.clockwork.current("assign").met_at) == (IncidentState.PUSHED, None)
