"""Teams on incidents: states belong to the pair, the incident's state follows, offers that come to nothing move on."""

import pytest

from services.dispatch.domain import closing, correcting, desk, fieldwork
from services.dispatch.domain.errors import Conflict
from services.dispatch.domain.firing import fire
from services.dispatch.domain.states import AssignmentState, IncidentState
from tests.unit.dispatch.builders import armed, assigned, pushed, received, report, send, t, types

NO_LADDER = lambda code: None  # noqa: E731 - nobody stands above


def test_a_team_cannot_be_sent_before_the_incident_lies_on_a_desk():
    with pytest.raises(Conflict) as refused:
        send(received(), 5)
    assert refused.value.code == "not_pushed"


def test_the_incident_is_as_far_as_its_furthest_team():
    incident = pushed()
    first, second = send(incident, 20, team=7), send(incident, 21, team=8)
    fieldwork.depart(incident, second, report(30))
    assert incident.state is IncidentState.EN_ROUTE
    fieldwork.arrive(incident, first, report(40))
    assert incident.state is IncidentState.ON_SCENE
    fieldwork.clear(incident, first, report(50))
    assert incident.state is IncidentState.EN_ROUTE
    fieldwork.clear(incident, second, report(60))
    assert incident.state is IncidentState.ON_SCENE


def test_only_the_first_team_on_the_scene_is_told_as_the_first():
    incident = pushed()
    first, second = send(incident, 20, team=7), send(incident, 21, team=8)
    fieldwork.arrive(incident, second, report(40))
    fieldwork.arrive(incident, first, report(45))
    assert [event.data["first"] for event in incident.events if event.type == "arrived"] == [True, False]


def test_a_team_is_on_an_incident_once_at_a_time_and_again_after_it_cleared():
    incident = assigned(at=20, team=7)
    with pytest.raises(Conflict) as refused:
        send(incident, 30, team=7)
    assert refused.value.code == "team_already_assigned"
    fieldwork.clear(incident, incident.assignments[0], report(40))
    again = send(incident, 50, team=7)
    assert (again.seq, incident.roster.of_team(again.team_id)) == (2, again)


def test_an_offer_is_answered_within_30_seconds_of_being_recorded():
    incident = assigned(at=20)
    assert armed(incident)["answer.1#1"] == t(50)
    fieldwork.accept(incident, incident.assignments[0], report(25))
    assert "answer.1#1" not in armed(incident)


def test_an_unanswered_offer_expires_and_the_assign_clock_runs_anew():
    incident = assigned(at=20)
    gone = fire(incident, "answer.1", 1, t(50), t(50.01), NO_LADDER)
    assert gone is incident.assignments[0]
    assert gone.state is AssignmentState.EXPIRED
    assert (incident.state, types(incident)[-1]) == (IncidentState.PUSHED, "offer_expired")
    assert armed(incident)["breach.assign#2"] == t(110)


def test_an_answered_offer_does_not_expire():
    incident = assigned(at=20)
    fieldwork.accept(incident, incident.assignments[0], report(25))
    assert fire(incident, "answer.1", 1, t(50), t(50), NO_LADDER) is None
    assert incident.assignments[0].state is AssignmentState.ACCEPTED


def test_a_team_that_answers_after_its_offer_expired_goes_all_the_same_and_meets_the_new_clock():
    incident = assigned(at=20)
    fire(incident, "answer.1", 1, t(50), t(50), NO_LADDER)
    fieldwork.depart(incident, incident.assignments[0], report(55))
    assert incident.state is IncidentState.EN_ROUTE
    assert incident.assignments[0].stamps["departed"].flags == ("after_expiry",)
    assert [clock.state for clock in incident.clockwork.of("assign")] == ["met", "met"]


def test_a_team_that_has_taken_it_cannot_refuse_but_can_be_withdrawn():
    incident = assigned(at=20)
    assignment = incident.assignments[0]
    fieldwork.accept(incident, assignment, report(25))
    with pytest.raises(Conflict, match="withdraw"):
        fieldwork.refuse(incident, assignment, report(30), "changed my mind")
    fieldwork.withdraw(incident, assignment, report(30), "closer team")
    with pytest.raises(Conflict) as refused:
        fieldwork.arrive(incident, assignment, report(40))
    assert refused.value.code == "assignment_withdrawn"


def test_with_another_team_still_going_a_refusal_does_not_fall_back():
    incident = pushed()
    first, _ = send(incident, 20, team=7), send(incident, 21, team=8)
    fieldwork.refuse(incident, first, report(30), "busy")
    assert (incident.state, incident.round) == (IncidentState.ASSIGNED, 1)


def test_no_offer_is_awaited_on_an_incident_that_is_resolved():
    incident = assigned(at=20)
    desk.resolve(incident, report(25), "settled")
    assert armed(incident) == {}


def test_an_assignment_told_late_is_taken_if_it_happened_before_the_resolution():
    incident = assigned(at=20)
    desk.resolve(incident, report(100), "settled")
    late = send(incident, 50, team=8, recorded=200)
    assert (incident.state, late.seq) == (IncidentState.RESOLVED, 2)
    with pytest.raises(Conflict):
        send(incident, 150, team=9, recorded=200)


def test_events_carry_no_words_no_names_and_no_place():
    incident = assigned(at=20, summary="someone fell", address="1 Example Road")
    fieldwork.refuse(incident, incident.assignments[0], report(30), "my back hurts")
    told = " ".join(str(value) for event in incident.events for value in event.data.values())
    assert not any(word in told for word in ("fell", "Road", "hurts", "120.0"))


def test_an_offer_that_expired_before_the_incident_was_reopened_cannot_be_taken_up():
    """Seed 100004419 of the simulation: it met the new assign clock and counted nowhere: nobody was asked for."""
    incident = assigned(at=20)
    fire(incident, "answer.1", 1, t(50), t(50), NO_LADDER)
    desk.resolve(incident, report(60), "settled")
    closing.reopen(incident, report(100), "again")
    with pytest.raises(Conflict) as refused:
        fieldwork.accept(incident, incident.assignments[0], report(110))
    assert refused.value.code == "assignment_expired"
    assert (incident.state, incident.clockwork.current("assign").state) == (IncidentState.PUSHED, "running")


def test_an_offer_expires_also_when_its_time_was_corrected_past_its_own_deadline():
    """The model's `end` has no stamp rule for the clock: refused here, the deadline was gone and the offer stood."""
    incident = assigned(at=20)
    correcting.correct(incident, "assigned", incident.assignments[0], t(52), "why", report(48))
    fire(incident, "answer.1", 1, t(50), t(50), NO_LADDER)
    assert incident.assignments[0].state is AssignmentState.EXPIRED
