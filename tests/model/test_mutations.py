"""A checker that finds nothing must be one that would have found something."""

import pytest

from tests.model import mutations as broken
from tests.model.alongside import Alongside
from tests.model.county_model import County, Reply
from tests.model.lifecycle import Lifecycle
from tests.model.running import SEEDS_APART, live

MOST_LIFECYCLES = 1500
# Those that leave something behind which is wrong by itself, whatever the model says.
WRONG_BY_THEMSELVES = (
    broken.events_leave_before_the_commit, broken.a_transaction_that_fails_leaves_its_half_behind,
    broken.a_deadline_is_deleted_before_it_is_done, broken.a_clock_takes_what_another_has_locked,
    broken.a_breach_is_never_withdrawn, broken.a_breach_is_escalated_once, broken.who_fulfils_does_not_compare,
    broken.reopening_starts_no_clock, broken.what_comes_out_of_a_merge_has_no_clock,
)  # fmt: skip


def lifecycles_until_found(most: int = MOST_LIFECYCLES) -> int | None:
    """How many lifecycles of seed 8 it takes until one of them breaks a promise or raises."""
    for count in range(1, most + 1):
        seed = 8 * SEEDS_APART + count
        if not live(range(seed, seed + 1)).clean:
            return count
    return None


@pytest.mark.parametrize("mutation", broken.MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_the_simulation_finds_a_mistake_put_in_on_purpose(mutation, monkeypatch):
    mutation(monkeypatch)
    assert lifecycles_until_found() is not None


@pytest.mark.parametrize("mutation", WRONG_BY_THEMSELVES, ids=lambda mutation: mutation.__name__)
def test_the_promises_find_a_mistake_without_the_model(mutation, monkeypatch):
    without_the_model(monkeypatch)
    mutation(monkeypatch)
    assert lifecycles_until_found() is not None


def test_without_a_mistake_neither_of_them_finds_one(monkeypatch):
    assert lifecycles_until_found(most=60) is None
    without_the_model(monkeypatch)
    assert lifecycles_until_found(most=60) is None


def test_a_seed_that_failed_fails_again_in_the_same_way(monkeypatch):
    broken.MUTATIONS[0](monkeypatch)
    first = live(range(40)).violations
    assert first
    assert live(range(first[0]["seed"], first[0]["seed"] + 1)).violations == first[:1]


def test_the_same_seed_is_lived_in_the_same_way():
    seed = 7 * SEEDS_APART + 1
    assert Lifecycle(seed).run() == Lifecycle(seed).run()


def without_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is compared any more; what holds of the product by itself is all that is left to be asked."""
    monkeypatch.setattr(Alongside, "compare", lambda self, now: self._take_events())
    monkeypatch.setattr(Alongside, "compare_all", lambda self, now: None)
    monkeypatch.setattr(Alongside, "_hold_answer", lambda self, ask, answer, reply: None)
    monkeypatch.setattr(County, "answer", lambda self, ask, now: Reply(None))
    monkeypatch.setattr(County, "fire", lambda self, number, kind, generation, due, now: True)
