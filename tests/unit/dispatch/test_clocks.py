"""Clocks: warn at 80 %, breach at 100 %, escalate, withdraw what was false, and never let an old deadline act."""

import pytest

from services.dispatch.domain import closing, correcting, desk, fieldwork
from services.dispatch.domain.firing import fire
from services.dispatch.domain.states import IncidentState
from tests.unit.dispatch.builders import (
    COUNTY,
    TOWN,
    armed,
    assigned,
    fed_back,
    ladder,
    pushed,
    received,
    report,
    send,
    t,
    types,
)

UP = ladder(TOWN, COUNTY)


def go_off(incident, kind, due, now=None, generation=1, up=UP):
    return fire(incident, kind, generation, t(due), t(due if now is None else now), up)


def test_a_received_incident_has_its_push_clock_armed_to_warn_at_80_per_cent_and_to_breach_at_100():
    assert armed(received()) == {"warn.push#1": t(48), "breach.push#1": t(60)}


def test_a_push_in_time_disarms_its_clock_and_starts_the_assign_clock_from_when_it_was_pushed():
    incident = pushed(at=10)
    assert armed(incident) == {"warn.assign#1": t(58), "breach.assign#1": t(70)}
    assert incident.clockwork.find("push", 1).state == "met"


def test_the_arrive_clock_runs_from_the_first_assignment():
    incident = assigned(at=20)
    assert armed(incident)["breach.arrive#1"] == t(320)
    assert incident.clockwork.current("arrive").holder_kind == "team"


def test_a_warning_is_told_once_and_names_the_holder():
    incident = pushed()
    go_off(incident, "warn.assign", 58)
    go_off(incident, "warn.assign", 58)
    assert types(incident).count("clock_warned") == 1
    assert incident.events[-1].data["holder"] == "C-999999001"


def test_a_breach_escalates_one_level_and_again_each_further_target_until_the_county():
    incident = pushed()
    go_off(incident, "breach.assign", 70)
    assert types(incident)[-2:] == ["breached", "escalated"]
    assert incident.level_code == COUNTY
    assert incident.clockwork.current("assign").top_reached
    assert "escalate.assign#1" not in armed(incident)


def test_below_the_county_the_next_escalation_is_armed_one_target_later():
    incident = pushed()
    up = ladder(TOWN, "above", COUNTY)
    go_off(incident, "breach.assign", 70, up=up)
    assert armed(incident) == {"escalate.assign#1": t(130)}
    go_off(incident, "escalate.assign", 130, up=up)
    assert incident.level_code == COUNTY
    assert types(incident).count("escalated") == 2
    assert types(incident).count("breached") == 1


def test_a_deadline_of_an_older_generation_does_nothing():
    incident = assigned(at=20)
    fieldwork.refuse(incident, incident.assignments[0], report(30), "busy")
    assert incident.clockwork.current("assign").generation == 2
    before = incident.version
    go_off(incident, "breach.assign", 70, generation=1)
    assert incident.version == before


def test_a_deadline_with_a_due_time_that_has_moved_does_nothing():
    incident = pushed(at=10)
    correcting.correct(incident, "pushed", None, t(5), "clock of the desk was wrong", report(20))
    before = incident.version
    go_off(incident, "breach.assign", 70)
    assert incident.version == before
    assert armed(incident)["breach.assign#1"] == t(65)


def test_a_stage_met_late_before_the_clock_noticed_is_a_breach_written_by_the_stage_itself_once():
    incident = pushed(at=10)
    send(incident, 75)
    assert types(incident).count("breached") == 1
    assert incident.breaches[("assign", 1)].late_by_seconds == pytest.approx(5)
    go_off(incident, "breach.assign", 70, now=76)
    assert types(incident).count("breached") == 1


def test_a_stage_met_late_after_the_breach_only_learns_how_late_it_was():
    incident = pushed(at=10)
    go_off(incident, "breach.assign", 70)
    send(incident, 95)
    breach = incident.breaches[("assign", 1)]
    assert (breach.stands, breach.late_by_seconds) == (True, pytest.approx(25))
    assert types(incident).count("breached") == 1


def test_a_stage_that_happened_in_time_but_was_reported_late_withdraws_the_false_breach_on_the_record():
    incident = assigned(at=20)
    go_off(incident, "breach.arrive", 320)
    fieldwork.arrive(incident, incident.assignments[0], report(300, recorded=400))
    breach = incident.breaches[("arrive", 1)]
    assert (breach.withdrawn_at, breach.withdraw_reason) == (t(400), "late_report")
    assert "breach_withdrawn" in types(incident)
    assert "escalate.arrive#1" not in armed(incident)
    assert incident.clockwork.current("arrive").state == "met"


def test_exactly_on_the_target_is_in_time():
    incident = assigned(at=70, team=7)
    assert not incident.breaches
    assert incident.clockwork.find("assign", 1).state == "met"


def test_corrections_judge_again_in_both_directions():
    incident = assigned(at=20)
    correcting.correct(incident, "received", None, t(-100), "desk clock", report(30))
    assert incident.breaches[("push", 1)].stands
    correcting.correct(incident, "received", None, t(5), "no, it was right", report(31))
    assert incident.breaches[("push", 1)].withdraw_reason == "corrected"
    correcting.correct(incident, "received", None, t(-100), "it was wrong after all", report(32))
    assert incident.breaches[("push", 1)].stands
    assert [kind for kind in types(incident) if kind.startswith("breach")] == [
        "breached",
        "breach_withdrawn",
        "breached",
    ]


def test_a_corrected_start_takes_back_a_breach_of_a_clock_that_still_runs_and_arms_it_again():
    incident = pushed(at=10)
    go_off(incident, "breach.assign", 70)
    correcting.correct(incident, "pushed", None, t(60), "pushed later", report(80))
    assert not incident.clockwork.current("assign").breached
    assert armed(incident)["breach.assign#1"] == t(120)


def test_a_backfilled_incident_is_judged_but_wakes_nobody():
    incident = received(at=-90_000, recorded=0)
    desk.push(incident, desk.Route("C", TOWN, "town"), report(-89_900, recorded=0))
    assert armed(incident) == {}
    assert incident.breaches[("push", 1)].backfill
    assert {"clock_warned", "escalated"}.isdisjoint(types(incident))
    assert incident.events[-1].data["backfill"] is True


def test_resolving_stops_the_clocks_that_still_run_and_disarms_them():
    incident = assigned(at=20)
    desk.resolve(incident, report(100), "settled")
    assert incident.clockwork.current("arrive").state == "stopped"
    assert armed(incident) == {}


def test_what_was_due_before_the_incident_was_resolved_is_a_breach_even_if_the_clock_was_asleep():
    incident = assigned(at=20)
    desk.resolve(incident, report(400), "settled")
    assert incident.breaches[("arrive", 1)].stands


def test_an_arrival_told_after_the_resolution_is_still_judged():
    incident = assigned(at=20)
    desk.resolve(incident, report(200), "settled")
    fieldwork.arrive(incident, incident.assignments[0], report(100, recorded=300))
    assert incident.state is IncidentState.RESOLVED
    assert incident.first_on_scene_at == t(100)
    assert incident.clockwork.current("arrive").state == "met"


def test_reopening_starts_the_next_generation_and_the_first_figures_stay():
    incident = fed_back()
    closing.close(incident, report(220))
    closing.reopen(incident, report(500), "it burns again")
    clock = incident.clockwork.current("assign")
    assert (clock.generation, clock.due_at, incident.state) == (2, t(560), IncidentState.PUSHED)
    send(incident, 520, team=8)
    assert incident.clockwork.current("arrive").generation == 2
    assert (incident.first_assigned_at, incident.first_on_scene_at) == (t(20), t(100))
    assert [past.stage for past in incident.past_stamps] == ["acknowledged", "resolved", "fed_back", "closed"]


def test_an_incident_cancelled_before_it_was_pushed_goes_back_to_received_on_a_new_push_clock():
    incident = received()
    closing.cancel(incident, report(5), "wrong number")
    closing.reopen(incident, report(500), "not wrong after all")
    assert incident.state is IncidentState.RECEIVED
    desk.push(incident, desk.Route("C", TOWN, "town"), report(530))
    assert [clock.state for clock in incident.clockwork.of("push")] == ["stopped", "met"]


def test_when_every_offer_is_gone_the_assign_clock_runs_again_and_the_arrive_clock_goes_on():
    incident = assigned(at=20)
    fieldwork.withdraw(incident, incident.assignments[0], report(100), "closer team")
    assert incident.state is IncidentState.PUSHED
    assert armed(incident)["breach.assign#2"] == t(160)
    assert armed(incident)["breach.arrive#1"] == t(320)
    send(incident, 130, team=8)
    assert incident.clockwork.find("assign", 2).state == "met"
    assert incident.clockwork.current("arrive").started_at == t(20)
