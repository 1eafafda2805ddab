"""Who should go together: held against every group that could go."""

from itertools import combinations
from math import fsum

from hypothesis import example, given
from hypothesis import strategies as st

from services.dispatch.domain.covering import Able, cover
from tests.unit.dispatch.builders import uid

SKILLS = ("patrol", "medical", "fire", "hazmat")


def able(number, cost, *skills):
    return Able(float(cost), f"T{number:02d}", uid(number), frozenset(skills))


def sent(skills, *teams):
    return [team.call_sign for team in cover(skills, teams)]


def of_all_groups(skills, teams):
    """The best of all groups, looked at one by one."""
    wanted = set(skills)
    reachable = {skill for team in teams for skill in team.skills & wanted}
    groups = [
        group
        for size in range(len(teams) + 1)
        for group in combinations(teams, size)
        if reachable <= {skill for team in group for skill in team.skills}
    ]
    return min(groups, key=worth)


def worth(group):
    costs = [team.cost for team in group]
    return max(costs, default=0), len(group), fsum(costs), sorted((team.call_sign, team.team_id) for team in group)


teams = st.lists(
    st.tuples(st.integers(0, 4), st.sets(st.sampled_from(SKILLS), min_size=1, max_size=3)), max_size=7
).map(lambda drawn: [able(number, cost, *skills) for number, (cost, skills) in enumerate(drawn, 1)])


@given(st.lists(st.sampled_from(SKILLS), unique=True, min_size=1), teams, st.randoms())
@example(["patrol", "medical"], [able(1, 1, "patrol"), able(2, 1, "medical"), able(3, 1, "patrol", "medical")], None)
def test_no_group_of_those_that_could_go_is_better(skills, teams, random):
    shuffled = list(teams)
    if random is not None:
        random.shuffle(shuffled)
    chosen, wanted = cover(skills, shuffled), set(skills)
    useful = [team for team in teams if team.skills & wanted]
    assert set(chosen) == set(of_all_groups(skills, useful))
    assert [team.cost for team in chosen] == sorted(team.cost for team in chosen)


@given(teams, st.sampled_from([(), ("medical",)]))
def test_for_one_skill_or_none_it_is_the_cheapest_that_has_it(teams, skills):
    fit = [team for team in teams if not skills or "medical" in team.skills]
    cheapest = sorted(fit, key=lambda team: (team.cost, team.call_sign))[:1]
    assert cover(skills, teams) == cheapest


def test_two_near_ones_go_rather_than_one_far_away_that_can_do_both():
    near = able(1, 100, "patrol"), able(2, 150, "medical")
    assert sent(("patrol", "medical"), *near, able(3, 200, "patrol", "medical")) == ["T01", "T02"]
    assert sent(("patrol", "medical"), *near, able(3, 120, "patrol", "medical")) == ["T03"]


def test_when_the_last_would_be_there_no_sooner_the_fewest_go():
    two = able(1, 10, "patrol"), able(2, 150, "medical")
    assert sent(("patrol", "medical"), *two, able(3, 150, "patrol", "medical")) == ["T03"]


def test_what_nobody_can_do_keeps_nobody_at_home():
    assert sent(("patrol", "medical"), able(1, 100, "patrol"), able(2, 50, "patrol")) == ["T02"]
    assert sent(("patrol", "medical"), able(1, 100, "fire")) == []
    assert sent(("patrol", "medical")) == []
