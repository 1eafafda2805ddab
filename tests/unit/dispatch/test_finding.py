"""Finding the centre, the level above, the team, and the incident that we know already."""

from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.domain.centre import Hours
from services.dispatch.domain.desk import Skip
from services.dispatch.domain.duplicates import LIKELY, Sighting, bigrams, compare
from services.dispatch.domain.errors import Conflict, Invalid
from services.dispatch.domain.policy import Matter, PolicyBook, PolicyMatch, SlaPolicy
from services.dispatch.domain.recommendation import recommend
from services.dispatch.domain.routing import Desks
from services.dispatch.domain.team import Member, Position, Shift
from tests.unit.dispatch.builders import (
    COMMUNITY,
    COUNTY,
    MICRO,
    P115,
    POLICIES,
    T0,
    TOWN,
    centre,
    need,
    report,
    t,
    team,
    tree,
    uid,
)  # fmt: skip

SHANGHAI = ZoneInfo("Asia/Shanghai")  # T0 is 11:00 there
NIGHT = Hours(time(20), time(8))
REASONS = {
    "out_of_service",
    "off_shift",
    "already_assigned",
    "refused_already",
    "skill_missing",
    "at_capacity",
    "outside_radius",
}


def desks(*centres):
    return Desks(tree(), centres, T0, SHANGHAI)


def test_the_first_centre_on_the_way_up_takes_the_incident():
    assert desks(centre("C1", COMMUNITY), centre("C2", TOWN)).route(MICRO).centre_code == "C1"


def test_a_centre_with_nobody_on_shift_is_skipped_at_once_with_the_reason_kept():
    route = desks(centre("C1", COMMUNITY, always_open=False, hours=NIGHT), centre("C2", TOWN)).route(MICRO)
    assert (route.centre_code, route.skipped) == ("C2", (Skip("C1", "nobody_on_shift"),))


def test_hours_are_the_countys_and_may_run_over_midnight():
    night = centre("C", TOWN, always_open=False, hours=NIGHT)
    assert night.on_shift(T0 + timedelta(hours=12), SHANGHAI)
    assert not night.on_shift(T0, SHANGHAI)
    assert not replace(night, retired=True).on_shift(T0 + timedelta(hours=12), SHANGHAI)


def test_an_unknown_place_goes_to_the_county_centre_flagged():
    route = desks(centre("C1", COMMUNITY), centre("C0", COUNTY)).route(None)
    assert (route.centre_code, route.flags) == ("C0", ("location_unresolved",))


def test_with_nobody_anywhere_it_lies_on_the_uppermost_desk_all_the_same():
    closed = {"always_open": False, "hours": NIGHT}
    route = desks(centre("C1", COMMUNITY, **closed), centre("C0", COUNTY, **closed)).route(MICRO)
    assert (route.centre_code, route.flags) == ("C0", ("nobody_on_shift",))
    with pytest.raises(Conflict):
        desks().route(MICRO)


def test_an_operator_may_name_a_centre_but_only_one_there_is():
    assert desks(centre("C1", COMMUNITY)).route_to("C1").grid_code == COMMUNITY
    with pytest.raises(Invalid) as refused:
        desks().route_to("nowhere")
    assert refused.value.code == "unknown_centre"


def test_escalation_passes_levels_that_resolve_to_nobody_and_ends_at_the_county():
    up = desks(centre("C1", COMMUNITY), centre("C0", COUNTY))
    assert up.step_above(COMMUNITY).grid_code == COUNTY
    assert up.step_above(COMMUNITY).is_top
    assert up.step_above(COUNTY) is None
    assert up.step_above(None).grid_code == COUNTY


def at(lat, seconds_ago=0):
    return Position(lat, 120.0, t(-seconds_ago))


def test_the_nearest_fit_team_is_picked_with_its_reasons():
    near, far = team(1, position=at(30.01)), team(2, position=at(30.05))
    first, second = recommend(need(), [far, near])
    assert (first.team_id, first.rank) == (near.id, 1)
    assert first.reasons == ("closest_eta", "has_skills", "on_shift", "own_centre", "idle")
    assert second.reasons[0] == "ranked_lower"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"in_service": False}, "out_of_service"),
        ({"always_on": False}, "off_shift"),
        ({"skills": ("fire",)}, "skill_missing"),
        ({"open_assignments": 1}, "at_capacity"),
        ({"position": Position(31.0, 120.0, T0)}, "outside_radius"),
    ],
)
def test_every_team_not_picked_has_its_reason(changes, reason):
    (outcome,) = recommend(need(), [team(1, **{"position": at(30.0), **changes})])
    assert (outcome.rank, outcome.reasons) == (None, (reason,))


def test_who_refused_or_is_going_is_not_asked_again():
    outcomes = recommend(need(refused=frozenset({uid(1)}), going=frozenset({uid(2)})), [team(1), team(2)])
    assert [outcome.reasons for outcome in outcomes] == [("refused_already",), ("already_assigned",)]


def test_an_old_position_counts_for_less_than_the_base_the_team_stands_by():
    stale = team(1, position=at(30.5, seconds_ago=1801), base_lat=30.02, base_lon=120.0)
    fresh = team(2, position=at(30.021))
    first, second = recommend(need(), [stale, fresh])
    assert (first.team_id, second.flags) == (fresh.id, ("position_stale",))
    assert second.distance_metres == pytest.approx(2224, rel=0.01)


def test_a_b_holder_stands_in_for_an_absent_a_holder_and_with_both_off_the_team_is_off_shift():
    a, b = Member("lead", "p-1", "p-2", absent=True), Member("lead", "p-1", "p-2", absent=True, stand_in_absent=True)
    assert (a.on_duty, b.on_duty) == ("p-2", None)
    assert team(members=(a,)).on_shift(T0)
    assert not team(members=(b,)).on_shift(T0)


def test_a_shift_starts_inclusive_and_ends_exclusive_and_shifts_do_not_overlap():
    on = team(always_on=False)
    on.set_shifts((Shift(t(0), t(10)),), report(0))
    assert (on.on_shift(t(0)), on.on_shift(t(10))) == (True, False)
    with pytest.raises(Invalid):
        on.set_shifts((Shift(t(0), t(10)), Shift(t(9), t(20))), report(0))


def test_an_older_fix_does_not_move_a_team_back():
    moved = team(position=at(30.0))
    assert not moved.move(31.0, 120.0, report(-5))
    assert moved.position.lat == 30.0
    assert moved.move(30.1, 120.0, report(5))


teams = st.builds(
    lambda number, lat, busy, skills, service, always: team(
        number, position=None if lat is None else Position(lat, 120.0, T0), open_assignments=busy, skills=skills,
        in_service=service, always_on=always,
    ),
    st.integers(1, 10**6), st.none() | st.floats(29.0, 31.0), st.integers(0, 2),
    st.sampled_from([(), ("medical",), ("fire", "medical")]), st.booleans(), st.booleans(),
)  # fmt: skip


@given(
    st.lists(teams, max_size=12, unique_by=lambda each: each.id), st.sets(st.integers(1, 10**6).map(uid), max_size=3)
)
def test_every_candidate_has_exactly_one_outcome_and_ranks_have_no_gap(candidates, refused):
    outcomes = recommend(need(refused=frozenset(refused)), candidates)
    assert sorted(outcome.team_id for outcome in outcomes) == sorted(each.id for each in candidates)
    ranked = [outcome for outcome in outcomes if outcome.rank]
    assert [outcome.rank for outcome in ranked] == list(range(1, len(ranked) + 1))
    assert [outcome.cost_seconds for outcome in ranked] == sorted(outcome.cost_seconds for outcome in ranked)
    assert all(outcome.reasons and set(outcome.reasons) <= REASONS for outcome in outcomes if not outcome.rank)
    assert outcomes == recommend(need(refused=frozenset(refused)), reversed(candidates))


def sighting(
    lat=30.0, at_seconds=0.0, category="structure_fire", kind="emergency", text="演示小区3号楼起火", grid=MICRO
):
    return Sighting(lat, None if lat is None else 120.0, grid, t(at_seconds), category, kind, text)


def test_two_calls_about_one_fire_are_likely_one_incident():
    alike = compare(sighting(), sighting(lat=30.0004, at_seconds=120, text="3号楼着火了，演示小区"))
    assert alike.likely
    assert alike.metres == pytest.approx(44.5, rel=0.01)


def test_the_same_words_far_away_or_long_ago_are_not():
    assert not compare(sighting(), sighting(lat=30.05)).likely
    assert not compare(sighting(), sighting(at_seconds=40_000, lat=30.001)).likely


def test_without_any_place_nothing_is_likely():
    assert compare(sighting(lat=None, grid=None), sighting()).score < LIKELY


def test_bigrams_fold_width_and_case_and_need_no_spaces():
    assert bigrams("ＡＢ 楼") == bigrams("ab楼") == {"ab", "b楼"}
    assert bigrams("火") == {"火"}
    assert bigrams("，。") == frozenset()


sightings = st.builds(
    sighting,
    lat=st.none() | st.floats(29.9, 30.1),
    at_seconds=st.floats(0, 10_000),
    category=st.sampled_from(["structure_fire", "medical"]),
    text=st.text(max_size=12),
    grid=st.sampled_from([None, MICRO, TOWN]),
)


@given(sightings, sightings)
def test_likeness_is_symmetric_between_0_and_1_and_each_thing_is_most_like_itself(one, other):
    assert compare(one, other) == compare(other, one)
    assert 0 <= compare(one, other).score <= 1
    if one.lat is not None:
        assert compare(one, one).score == 1.0


def matter(**changes):
    return replace(Matter("police", "emergency", "medical", 1, MICRO), **changes)


@pytest.mark.parametrize(
    ("changes", "policy"),
    [
        ({}, "115"),
        ({"kind": "hazard"}, "115"),
        ({"source": "sensor", "kind": "hazard"}, "hazard"),
        ({"source": "resident", "kind": "emergency"}, "115"),
        ({"source": "resident", "kind": "demand"}, "demand"),
        ({"source": "grid_worker", "kind": "whistle"}, "whistle"),
        ({"source": "grid_worker", "kind": "unheard_of"}, "115"),
    ],
)
def test_a_call_to_the_police_is_a_115_matter_and_others_go_by_their_kind(changes, policy):
    assert PolicyBook(POLICIES.values()).choose(matter(**changes), T0).id == policy


def test_a_policy_for_one_town_beats_the_countys_and_the_newest_version_in_force_counts():
    town = replace(P115, id="town", match=(PolicyMatch(prefixes=(TOWN,)),))
    newer = replace(town, version=2, valid_from=t(0))
    future = replace(town, version=3, valid_from=t(100))
    book = PolicyBook([P115, town, future, newer])
    assert book.choose(matter(), t(1)).version == 2
    assert book.choose(matter(jurisdiction=COUNTY), t(1)).id == "115"
    assert book.get("town", 3) is future


@pytest.mark.parametrize(
    ("rules", "error"),
    [
        ({"targets": {"lunch": 60}}, ValueError),
        ({"targets": {"push": 0}}, ValueError),
        ({"warn_share": 1}, ValueError),
        ({"colour": "red"}, TypeError),
        ({"match": [{"colours": ["red"]}]}, TypeError),
    ],
)
def test_a_policy_that_no_clock_could_keep_is_not_taken(rules, error):
    with pytest.raises(error):
        SlaPolicy.from_rules("p", 1, T0, rules)
