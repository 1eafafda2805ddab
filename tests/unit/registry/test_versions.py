from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.errors import Refusal
from services.registry.domain.versions import Versioned

START = datetime(2026, 1, 1, tzinfo=UTC)
RETIRED = object()

changes = st.lists(st.tuples(st.integers(1, 1000), st.sampled_from(["a", "b", "c", RETIRED])), max_size=20)


def apply(thing, steps):
    """Makes the changes one after the other; what was true from when, as a plain list."""
    told, at = [], START
    for seconds, facts in steps:
        at += timedelta(seconds=seconds)
        version = thing.retire(at) if facts is RETIRED else thing.revise(facts, at)
        if version is not None:
            told.append((at, version))
    return told


@given(changes, st.integers(0, 25_000))
def test_whatever_changes_later_the_past_answers_as_it_did(steps, seconds):
    thing = Versioned("grid")
    moment = START + timedelta(seconds=seconds)
    told = apply(thing, steps)
    expected = next((version for at, version in reversed(told) if at <= moment), None)
    found = thing.at(moment)
    assert (found and (found.number, found.facts, found.retired)) == (
        expected and (expected.number, expected.facts, expected.retired)
    )


@given(changes)
def test_versions_are_numbered_one_by_one_and_follow_each_other_without_a_gap(steps):
    thing = Versioned("grid")
    apply(thing, steps)
    assert [version.number for version in thing.versions] == list(range(1, len(thing.versions) + 1))
    for version, following in zip(thing.versions, thing.versions[1:], strict=False):
        assert version.valid_to == following.valid_from
        assert (version.facts, version.retired) != (following.facts, following.retired)
    assert all(version.valid_to is None for version in thing.versions[-1:])


@given(changes)
def test_at_any_instant_at_most_one_version_holds(steps):
    thing = Versioned("grid")
    apply(thing, steps)
    for version in thing.versions:
        assert [each for each in thing.versions if each.holds_at(version.valid_from)] == [version]


def test_the_same_facts_again_make_no_version():
    thing = Versioned("grid")
    thing.revise("a", START)
    assert thing.revise("a", START + timedelta(days=1)) is None
    assert len(thing.versions) == 1


def test_a_retired_thing_that_returns_has_a_new_version_even_with_its_old_facts():
    thing = Versioned("grid")
    thing.revise("a", START)
    thing.retire(START + timedelta(days=1))
    version = thing.revise("a", START + timedelta(days=2))
    assert (version.number, version.retired) == (3, False)


@pytest.mark.parametrize("earlier", [timedelta(0), timedelta(days=1)])
def test_a_change_may_not_be_dated_before_the_newest_version(earlier):
    thing = Versioned("grid")
    thing.revise("a", START)
    with pytest.raises(Refusal) as refused:
        thing.revise("b", START - earlier)
    assert (refused.value.code, refused.value.kind) == ("change_before_current", "conflict")
    assert [version.facts for version in thing.versions] == ["a"]


def test_a_repository_is_told_the_version_that_closed_and_the_one_that_began():
    known = Versioned("grid")
    known.revise("a", START)
    loaded = Versioned("grid", known.versions)
    loaded.revise("b", START + timedelta(days=1))
    assert [(version.number, version.valid_to) for version in loaded.written] == [
        (1, START + timedelta(days=1)),
        (2, None),
    ]
