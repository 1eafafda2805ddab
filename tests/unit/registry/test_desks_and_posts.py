from dataclasses import replace

import pytest

from services.registry.domain.centre import Centre, CentreFacts
from services.registry.domain.post import Post, PostFacts, staffing_refusals

STATION = CentreFacts("站", "Station", "community_station", "999999001001", 29.0, 119.0, False, ("08:00", "20:00"))
LEAD = PostFacts("999999001001001", "grid_lead", "staff-000001", "staff-000002")


def rules(thing, facts):
    return [refusal.rule for refusal in thing.refusals(facts)]


def test_a_sound_centre_and_a_sound_post_break_no_rule():
    assert rules(Centre("C2-1"), STATION) == []
    assert rules(Post("post-1"), LEAD) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"kind": "kiosk"}, "centre_kind"),
        ({"grid_code": "999999001"}, "centre_level"),
        ({"grid_code": "x"}, "code_shape"),
        ({"lat": 91.0}, "position_range"),
        ({"lon": -181.0}, "position_range"),
        ({"hours": None}, "centre_hours"),
        ({"hours": ("08:00", "08:00")}, "centre_hours"),
        ({"hours": ("8:00", "20:00")}, "centre_hours"),
        ({"hours": ("08:00", "24:00")}, "centre_hours"),
        ({"always_open": True}, "centre_hours"),
        ({"name_zh": ""}, "name_length"),
        ({"name_en": "x" * 129}, "name_length"),
    ],
)
def test_a_centre_breaks_each_rule_alone(change, rule):
    assert rules(Centre("C2-1"), replace(STATION, **change)) == [rule]


def test_the_countys_centre_never_closes_because_nobody_is_above_it():
    facts = replace(STATION, kind="county", grid_code="999999")
    assert rules(Centre("C0"), facts) == ["county_centre_open"]


def test_a_night_desk_may_close_after_midnight():
    assert rules(Centre("C2-1"), replace(STATION, hours=("20:00", "06:00"))) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"role": "king"}, "post_role"),
        ({"grid_code": "999999001001"}, "post_level"),
        ({"grid_code": "99999900100100101"}, "post_level"),
        ({"role": "micro_grid_lead"}, "post_level"),
        ({"a_holder": "张三"}, "opaque_reference"),
        ({"a_holder": "13800000000"}, "opaque_reference"),
        ({"b_holder": "99999919900101001X"}, "opaque_reference"),
        ({"b_holder": "staff-000001"}, "two_holders"),
    ],
)
def test_a_post_breaks_each_rule_alone(change, rule):
    assert rules(Post("post-1"), replace(LEAD, **change)) == [rule]


def test_a_vacant_post_is_sound():
    assert rules(Post("post-1"), replace(LEAD, a_holder=None, b_holder=None)) == []


def posts(*roles):
    return [replace(LEAD, role=role) for role in roles]


def test_one_lead_the_three_and_any_others_are_the_staffing_model():
    core = ("grid_lead", "full_time_worker", "part_time_worker", "auxiliary_police")
    assert list(staffing_refusals("g", posts(*core))) == []
    assert list(staffing_refusals("g", posts(*core, "volunteer", "mediator", "community_police"))) == []


@pytest.mark.parametrize(
    ("roles", "count"),
    [
        (("full_time_worker", "part_time_worker", "community_police"), 1),
        (("grid_lead", "grid_lead", "full_time_worker", "part_time_worker", "community_police"), 1),
        (("grid_lead",), 3),
        ((), 4),
    ],
)
def test_every_gap_in_the_one_and_the_three_is_told(roles, count):
    refusals = list(staffing_refusals("g", posts(*roles)))
    assert [refusal.rule for refusal in refusals] == ["staffing_1_3_n"] * count
