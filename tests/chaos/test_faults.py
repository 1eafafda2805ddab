"""The plan of a run comes from its seed, and meets every kind of fault; the clock shim steps what it should."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.chaos.clocks import Clocks
from tests.chaos.faults import KINDS, draw, draw_short
from tests.support.eventually import eventually


def test_the_same_seed_gives_the_same_faults_and_another_seed_others() -> None:
    assert draw(7, 600) == draw(7, 600)
    assert draw(7, 600) != draw(8, 600)
    assert draw_short(7) == draw_short(7)


def test_a_run_of_eight_minutes_meets_every_kind_and_a_long_one_every_target() -> None:
    assert {fault.kind for fault in draw(1, 480)} == set(KINDS)
    met = {(fault.kind, fault.target) for fault in draw(1, 3600)}
    assert met == {(kind, target) for kind, (_, targets, *_) in KINDS.items() for target in targets}


def test_only_the_kinds_that_were_asked_for_are_drawn() -> None:
    assert {fault.kind for fault in draw(1, 120, ["clock", "kill"])} == {"clock", "kill"}


@pytest.fixture
def clocks() -> Iterator[Clocks]:
    clocks = Clocks()
    if clocks.why_not:
        pytest.skip(clocks.why_not)
    yield clocks
    clocks.close()


TELLS_TIME = (
    "import time\nwhile True: input(); b = time.monotonic(); time.sleep(.05); print(time.time(), b, flush=True)"
)


def test_a_stepped_clock_moves_the_time_of_day_and_no_sleep(clocks: Clocks) -> None:
    environment = {**os.environ, **clocks.environment("one")}
    with subprocess.Popen(
        [sys.executable, "-c", TELLS_TIME], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:

        def told() -> tuple[float, float]:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write("\n")
            child.stdin.flush()
            day, monotonic = map(float, child.stdout.readline().split())
            return day, monotonic

        before, first = told()
        clocks.step("one", 3600)
        after, second = told()
        clocks.step("one", -3605)
        last, _ = told()
        child.kill()
    assert 3600 <= after - before < 3700
    assert 0 < second - first < 100
    assert -5 <= last - before < 95
    assert eventually(lambda: clocks.asked("one") > 0)
