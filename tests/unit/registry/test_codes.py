from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.codes import CODE_LENGTH, Level, chain_of, code_refusals, level_of, parent_of
from services.registry.domain.errors import Refusal

codes = st.sampled_from(list(CODE_LENGTH.values())).flatmap(lambda n: st.text("0123456789", min_size=n, max_size=n))


@given(codes)
def test_a_code_extends_its_parents_all_the_way_up_to_the_county(code):
    chain = chain_of(code)
    assert chain[-1] == code
    assert len(chain[0]) == 6
    for parent, child in pairwise(chain):
        assert child.startswith(parent)
        assert parent_of(child) == parent
    assert parent_of(chain[0]) is None


@given(codes)
def test_a_code_with_its_own_level_and_parent_breaks_no_rule(code):
    assert list(code_refusals(code, level_of(code), parent_of(code))) == []


@given(st.text(max_size=20).filter(lambda text: len(text) not in CODE_LENGTH.values()))
def test_any_other_length_is_refused_by_shape(code):
    assert [refusal.rule for refusal in code_refusals(code, "town", None)] == ["code_shape"]


@pytest.mark.parametrize("code", ["99999a", "９９９９９９", "99 999", "-99999"])
def test_six_characters_that_are_not_ascii_digits_are_no_code(code):
    with pytest.raises(Refusal) as refused:
        level_of(code)
    assert refused.value.code == "code_shape"


def test_a_wrong_level_and_a_wrong_parent_are_both_told():
    refusals = list(code_refusals("999999001", "grid", "999998"))
    assert [(refusal.rule, refusal.field) for refusal in refusals] == [
        ("level_matches_code", "level"),
        ("parent_prefix", "parent_code"),
    ]


def test_a_county_has_no_parent():
    assert [refusal.rule for refusal in code_refusals("999999", "county", "99")] == ["parent_prefix"]


def test_levels_run_from_county_to_micro_grid():
    assert [level_of("9" * length) for length in (6, 9, 12, 15, 17)] == list(Level)
