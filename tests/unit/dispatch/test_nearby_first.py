"""Whom to send is settled among those nearby only when nobody from farther away could be chosen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.application.terms import Around
from services.dispatch.domain.policy import SlaPolicy
from services.dispatch.domain.recommendation import is_settled, recommend
from services.dispatch.domain.team import Position
from tests.unit.dispatch.builders import T0, need, t, team
from tests.unit.dispatch.fakes import is_near

spread = st.builds(
    lambda number, lat, lon, base, late, skills, kind: team(
        number, position=None if lat is None else Position(lat, lon, t(-late)), skills=skills, kind=kind,
        base_lat=base, base_lon=None if base is None else 120.0,
    ),
    st.integers(1, 10**6), st.none() | st.floats(29.9, 30.1), st.floats(119.9, 120.1),
    st.none() | st.floats(29.9, 30.1), st.sampled_from([0, 1801]),
    st.sampled_from([(), ("medical",), ("fire", "medical"), ("patrol",)]),
    st.sampled_from(["patrol", "medical"]),
)  # fmt: skip


@given(
    st.lists(spread, max_size=12, unique_by=lambda each: each.id),
    st.sampled_from([(), ("medical",), ("medical", "patrol"), ("medical", "fire", "patrol")]),
    st.sampled_from([500.0, 2_000.0, 6_000.0]),
)
def test_what_is_settled_nearby_is_what_all_would_have_settled(candidates, skills, metres):
    asked = need(skills=skills)
    around = Around(asked.lat, asked.lon, metres)
    near = recommend(asked, [each for each in candidates if is_near(each, around)])
    if is_settled(asked, near, metres):
        chosen = [outcome for outcome in recommend(asked, candidates) if outcome.chosen]
        assert [each.team_id for each in near if each.chosen] == [each.team_id for each in chosen]


def test_nearby_settles_nothing_when_a_skill_is_missing_there_or_somebody_faster_may_come_from_beyond():
    here = team(1, position=Position(30.001, 120.0, T0))
    assert is_settled(need(), recommend(need(), [here]), 5_000)
    assert not is_settled(need(), recommend(need(), [here]), 100)
    both = need(skills=("medical", "patrol"))
    assert not is_settled(both, recommend(both, [here]), 5_000)
    assert not is_settled(need(), recommend(need(), []), 5_000)


@pytest.mark.parametrize(
    "rules", [{"default_speed": 0}, {"speeds": {"patrol": -1}}, {"detour": 0}, {"busy_penalty_seconds": -1}]
)
def test_a_policy_whose_teams_would_be_there_before_they_left_is_refused(rules):
    with pytest.raises(ValueError, match="than 0"):
        SlaPolicy.from_rules("hurried", 1, T0, {"recommendation": rules})
