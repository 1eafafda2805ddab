"""A checker that finds nothing must be one that would have found something."""

import pytest

from tests.model.lifecycle import Lifecycle
from tests.model.mutations import MUTATIONS
from tests.model.running import SEEDS_APART, live

MOST_LIFECYCLES = 1500


def lifecycles_until_found() -> int | None:
    """How many lifecycles of seed 7 it takes until one of them breaks a promise or raises."""
    for count in range(1, MOST_LIFECYCLES + 1):
        seed = 7 * SEEDS_APART + count
        if live(range(seed, seed + 1)).violations:
            return count
    return None


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_the_simulation_finds_a_mistake_put_in_on_purpose(mutation, monkeypatch):
    mutation(monkeypatch)
    assert lifecycles_until_found() is not None


def test_a_seed_that_failed_fails_again_in_the_same_way(monkeypatch):
    MUTATIONS[0](monkeypatch)
    first = live(range(40)).violations
    assert first
    assert live(range(first[0]["seed"], first[0]["seed"] + 1)).violations == first[:1]


def test_without_a_mistake_the_same_lifecycles_are_lived_to_the_end():
    seed = 7 * SEEDS_APART
    assert live(range(seed, seed + 40)).violations == []
    assert Lifecycle(seed + 1).run() == Lifecycle(seed + 1).run()
