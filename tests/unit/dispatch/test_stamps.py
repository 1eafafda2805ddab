"""Stamps: late, out of order, in the future, corrected; flagged or refused as the policy says, never swapped."""

import pytest

from services.dispatch.domain import closing, correcting, desk, fieldwork
from services.dispatch.domain.errors import Conflict, Invalid
from services.dispatch.domain.states import AssignmentState, IncidentState
from tests.unit.dispatch.builders import LENIENT, ROUTE, assigned, fed_back, pushed, received, report, send, t, types


def test_a_stamp_in_the_future_is_refused_and_changes_nothing():
    incident = received()
    before = (incident.version, incident.state, dict(incident.stamps))
    with pytest.raises(Invalid) as refused:
        desk.push(incident, ROUTE, report(100, recorded=10))
    assert (refused.value.code, refused.value.field) == ("stamp_in_future", "occurred_at")
    assert (incident.version, incident.state, incident.stamps) == before


def test_a_clock_that_is_ahead_by_less_than_the_tolerance_is_believed():
    incident = received()
    desk.push(incident, ROUTE, report(14, recorded=10))
    assert incident.pushed_at == t(14)


def test_a_stamp_before_the_stage_that_precedes_it_is_refused_with_the_time_of_that_stage():
    incident = received(at=5)
    with pytest.raises(Invalid) as refused:
        desk.push(incident, ROUTE, report(4, recorded=20))
    assert refused.value.code == "stamp_before_previous"
    assert refused.value.extra["previous"] == "2026-01-02T03:00:05.000000Z"


def test_what_happens_now_is_flagged_and_not_refused_after_our_own_clock_was_set_back():
    incident = received(at=5)
    desk.push(incident, ROUTE, report(3, recorded=3))
    assert incident.stamps["pushed"].flags == ("before_previous",)
    assert (incident.pushed_at, incident.state) == (t(3), IncidentState.PUSHED)


def test_a_policy_may_flag_instead_and_the_time_stays_as_told():
    incident = received(at=5, policy=LENIENT)
    desk.push(incident, ROUTE, report(4, recorded=20))
    assert incident.stamps["pushed"].flags == ("before_previous",)
    assert incident.pushed_at == t(4)
    assert incident.events[-1].data["flags"] == ["before_previous"]


def test_backfilled_stamps_out_of_order_are_flagged_whatever_live_ones_are():
    incident = received(at=-90_000, recorded=0)
    desk.push(incident, ROUTE, report(-90_001, recorded=0))
    assert incident.stamps["pushed"].flags == ("before_previous",)


def test_arrival_may_be_told_before_departure_and_departure_later():
    incident = assigned(at=20)
    assignment = incident.assignments[0]
    fieldwork.arrive(incident, assignment, report(100))
    assert assignment.stamps["accepted"].flags == ("implied",)
    fieldwork.depart(incident, assignment, report(60, recorded=110))
    assert (assignment.state, incident.state) == (AssignmentState.ON_SCENE, IncidentState.ON_SCENE)
    assert incident.first_departed_at == t(60)


def test_a_departure_after_the_arrival_that_is_known_is_refused():
    incident = assigned(at=20)
    fieldwork.arrive(incident, incident.assignments[0], report(100))
    with pytest.raises(Invalid, match="after the stage") as refused:
        fieldwork.depart(incident, incident.assignments[0], report(101, recorded=120))
    assert refused.value.code == "stamp_after_next"


def test_an_arrival_told_after_the_team_has_cleared_fills_the_gap():
    incident = assigned(at=20)
    assignment = incident.assignments[0]
    fieldwork.clear(incident, assignment, report(200))
    assert incident.state is IncidentState.ASSIGNED
    fieldwork.arrive(incident, assignment, report(90, recorded=300))
    assert assignment.state is AssignmentState.CLEARED
    assert (incident.state, incident.first_on_scene_at) == (IncidentState.ON_SCENE, t(90))


@pytest.mark.parametrize("stage", ["accept", "depart", "arrive", "clear"])
def test_telling_a_stage_twice_is_a_conflict_that_says_so(stage):
    incident = assigned(at=20)
    tell = getattr(fieldwork, stage)
    tell(incident, incident.assignments[0], report(50))
    before = incident.version
    with pytest.raises(Conflict, match="already"):
        tell(incident, incident.assignments[0], report(51))
    assert incident.version == before


def test_an_explicit_acknowledgement_takes_the_place_of_the_one_an_assignment_implied():
    incident = assigned(at=20)
    assert incident.stamps["acknowledged"].flags == ("implied",)
    desk.acknowledge(incident, report(15, recorded=40))
    assert incident.at("acknowledged") == t(15)
    with pytest.raises(Conflict, match="already"):
        desk.acknowledge(incident, report(16, recorded=41))


def test_a_correction_stands_beside_the_original_and_counts():
    incident = assigned(at=20)
    assignment = incident.assignments[0]
    fieldwork.arrive(incident, assignment, report(100))
    correcting.correct(incident, "arrived", assignment, t(90), "terminal was slow", report(200, by="lead"))
    stamp = assignment.stamps["arrived"]
    assert (stamp.occurred_at, stamp.effective, stamp.corrections[0].by) == (t(100), t(90), "lead")
    assert "corrected" in stamp.flags
    assert incident.events[-1].data["was"] == "2026-01-02T03:01:40.000000Z"


def test_a_correction_obeys_the_same_order():
    incident = assigned(at=20)
    with pytest.raises(Invalid, match="before the stage"):
        correcting.correct(incident, "assigned", incident.assignments[0], t(5), "no", report(200))
    assert not incident.assignments[0].stamps["assigned"].corrections


def test_a_stage_nobody_told_cannot_be_corrected():
    incident = assigned(at=20)
    with pytest.raises(Conflict, match="nothing was reported"):
        correcting.correct(incident, "resolved", None, t(50), "why", report(60))
    with pytest.raises(Invalid, match="name the assignment"):
        correcting.correct(incident, "arrived", None, t(50), "why", report(60))


def test_the_first_times_are_the_earliest_over_all_assignments_whatever_order_they_come_in():
    incident = pushed(at=10, policy=LENIENT)
    send(incident, 40, team=7)
    send(incident, 30, team=8)
    fieldwork.arrive(incident, incident.assignments[0], report(200))
    fieldwork.arrive(incident, incident.assignments[1], report(150, recorded=210))
    assert (incident.first_assigned_at, incident.first_on_scene_at) == (t(30), t(150))
    assert incident.clockwork.current("arrive").due_at == t(330)


def test_a_refused_offer_still_counts_as_the_first_assignment():
    incident = assigned(at=20)
    fieldwork.refuse(incident, incident.assignments[0], report(25), "out of fuel")
    send(incident, 40, team=8)
    assert incident.first_assigned_at == t(20)


def test_closing_needs_feedback_and_takes_back_what_nobody_cleared():
    incident = assigned(at=20)
    desk.resolve(incident, report(100), "settled")
    with pytest.raises(Conflict) as refused:
        closing.close(incident, report(110))
    assert refused.value.code == "feedback_required"
    desk.feed_back(incident, report(110), "18")
    closing.close(incident, report(120))
    assert incident.assignments[0].state is AssignmentState.WITHDRAWN
    assert types(incident)[-2:] == ["withdrawn", "closed"]


def test_nothing_is_stamped_on_an_archived_incident():
    incident = fed_back()
    closing.close(incident, report(220))
    closing.archive(incident, report(230))
    with pytest.raises(Conflict) as refused:
        fieldwork.clear(incident, incident.assignments[0], report(240))
    assert refused.value.code == "impossible_transition"


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda i: desk.push(i, ROUTE, report(300)), "already_pushed"),
        (lambda i: desk.resolve(i, report(300), "settled"), "already_resolved"),
        (lambda i: desk.feed_back(i, report(300), "18"), "already_fed_back"),
        (lambda i: closing.archive(i, report(300)), "impossible_transition"),
        (lambda i: closing.cancel(i, report(300), "no"), "impossible_transition"),
        (lambda i: send(i, 300, team=9), "impossible_transition"),
    ],
)
def test_an_impossible_step_is_refused_with_its_own_code_and_changes_nothing(act, code):
    incident = fed_back()
    before = incident.version
    with pytest.raises(Conflict) as refused:
        act(incident)
    assert (refused.value.code, incident.version) == (code, before)
