"""The plan of a run comes from its seed, and meets every kind of fault; the clock shim steps what it should."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.clocks import Clocks
from tests.chaos.faults import KINDS, NAMED_ONLY, draw, draw_short
from tests.support.eventually import eventually


def test_the_same_seed_gives_the_same_faults_and_another_seed_others() -> None:
    assert draw(7, 600) == draw(7, 600)
    assert draw(7, 600) != draw(8, 600)
    assert draw_short(7) == draw_short(7)


def test_a_run_of_eight_minutes_meets_every_kind_and_a_long_one_every_target() -> None:
    assert {fault.kind for fault in draw(1, 480)} == set(KINDS) - set(NAMED_ONLY)
    met = {(fault.kind, fault.target) for fault in draw(1, 3600)}
    drawn = {kind: targets for kind, (_, targets, *_) in KINDS.items() if kind not in NAMED_ONLY}
    assert met == {(kind, target) for kind, targets in drawn.items() for target in targets}


def test_only_the_kinds_that_were_asked_for_are_drawn() -> None:
    assert {fault.kind for fault in draw(1, 120, ["clock", "kill"])} == {"clock", "kill"}
    assert {fault.kind for fault in draw(1, 120, ["last-byte"])} == {"last-byte"}


@pytest.mark.parametrize("leave", [0, 4 * 1024 * 1024])
def test_a_filled_disk_has_no_more_room_than_it_should(tmp_path: Path, leave: int) -> None:
    if why := subprocess.run(["unshare", "-m", "true"], capture_output=True, text=True, check=False).stderr:
        pytest.skip(f"no mount namespace of its own: {why}")
    script = (
        "import os, sys; from pathlib import Path; from tests.chaos import disks; disks.MEGABYTES = 16\n"
        "assert not disks.enter_a_namespace_of_our_own()\n"
        "disk = disks.SmallDisk(Path(sys.argv[1])); disk.mount(); disk.fill(int(sys.argv[2]))\n"
        "found = os.statvfs(disk.place); print(found.f_bavail * found.f_frsize)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "disk"), str(leave)]
    free = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert leave <= free <= leave + os.sysconf("SC_PAGESIZE")


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
