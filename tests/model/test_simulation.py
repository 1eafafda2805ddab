"""A short seeded simulation; the long one is `python -m tests.model.simulate --lifecycles 1000000`."""

import pytest

from contracts.catalogue import load_command
from services.dispatch.application import execute
from tests.model.reading import ShortReader
from tests.model.running import SEEDS_APART, live, order_of, simulate

LIFECYCLES = 2_000
# What must have happened in it; otherwise it proves less than it says.
FAULTS = (
    "answer lost", "clock answer lost", "clock fired twice", "clock killed before commit",
    "clock killed between steps", "clock late", "clock of the source wrong", "database away",
    "deadline skipped while locked", "delayed", "duplicated", "key used twice", "killed before commit",
    "killed between steps", "phone offline", "read back from rows", "reordered", "stale deadline fired",
    "twin at the same key",
)  # fmt: skip


@pytest.mark.timeout(240)
def test_two_thousand_lifecycles_break_no_promise():
    report = simulate(order_of(1, LIFECYCLES), processes=2)
    assert report.violations == []
    assert report.lifecycles == LIFECYCLES
    assert [fault for fault in FAULTS if not report.faults[fault]] == []


def test_the_same_seed_gives_the_same_figures_however_many_processes_share_it():
    alone = live(range(3 * SEEDS_APART, 3 * SEEDS_APART + 60))
    shared = simulate(order_of(3, 60), processes=2)
    assert (alone.faults, alone.lived, alone.violations) == (shared.faults, shared.lived, shared.violations)


def test_the_short_way_to_read_a_command_gives_what_the_contract_gives(monkeypatch):
    short, read = ShortReader(), []

    def both(raw):
        read.append(raw)
        assert short(raw) == load_command(raw)
        return load_command(raw)

    monkeypatch.setattr(execute, "load_command", both)
    assert live(range(60)).violations == []
    assert len({raw["command"] for raw in read}) > 15
