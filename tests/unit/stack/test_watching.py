"""The supervisor's rules for one part, with a clock of the test's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.stack import process
from cli.stack.packages import StackError
from cli.stack.process import Identity
from cli.stack.state import PartState
from cli.stack.watched import LONGEST_BACK_OFF, Watched, describe

NOWHERE = Path(os.devnull)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def part(clock: Clock, code: str, kind: str = "service", needs: tuple[str, ...] = (), *, ready: bool = True) -> Watched:
    def start() -> Identity:
        child = process.spawn([sys.executable, "-c", code], log=NOWHERE, env=os.environ, cwd=NOWHERE.parent)
        return process.started(child)

    return Watched(PartState("part", kind), start=start, is_ready=lambda: ready, needs=needs, clock=clock)


def step_until(watched: Watched, state: str, eventually) -> None:
    eventually(lambda: (watched.step(set()), watched.state.state == state)[1], within=20)


def test_a_part_waits_for_what_it_needs(clock: Clock, eventually) -> None:
    watched = part(clock, "import time; time.sleep(60)", needs=("broker",))
    assert watched.step(set()) is False
    assert watched.state.state == "waiting"
    assert watched.step({"broker"}) is True
    step_until(watched, "ready", eventually)
    assert watched.state.identity is not None
    process.stop(watched.state.identity, within=1)


def test_a_part_that_is_running_is_starting_until_it_says_that_it_is_ready(clock: Clock) -> None:
    watched = part(clock, "import time; time.sleep(60)", ready=False)
    watched.step(set())
    watched.step(set())
    assert watched.state.state == "starting"
    assert watched.state.identity is not None
    process.stop(watched.state.identity, within=1)


def test_wrong_settings_are_not_tried_again_until_somebody_asks(clock: Clock, eventually) -> None:
    watched = part(clock, "raise SystemExit(78)")
    step_until(watched, "misconfigured", eventually)
    clock.now += 3600
    assert watched.step(set()) is False
    assert (watched.state.restarts, watched.state.last_exit) == (0, "exit 78")

    watched.try_again()

    assert watched.step(set()) is True
    step_until(watched, "misconfigured", eventually)


def test_crashes_wait_longer_each_time_up_to_a_limit(clock: Clock, eventually) -> None:
    watched = part(clock, "raise SystemExit(1)")
    pauses = []
    for _ in range(9):
        step_until(watched, "backing_off", eventually)
        pauses.append(watched.start_at - clock.now)
        clock.now = watched.start_at - 0.001
        assert watched.step(set()) is False
        clock.now = watched.start_at
        assert watched.step(set()) is True
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses[-1] == LONGEST_BACK_OFF
    assert watched.state.restarts == 9


def test_a_task_that_succeeds_is_done_and_not_run_again(clock: Clock, eventually) -> None:
    watched = part(clock, "", kind="task")
    step_until(watched, "done", eventually)
    clock.now += 3600
    assert watched.step(set()) is False


def test_what_cannot_be_started_backs_off_and_says_why(clock: Clock) -> None:
    def start() -> Identity:
        raise StackError("no such program")

    watched = Watched(PartState("part", "server"), start=start, is_ready=lambda: True, clock=clock)
    watched.step(set())
    assert (watched.state.state, watched.state.last_exit) == ("backing_off", "no such program")


@pytest.mark.parametrize(("status", "words"), [(0, "exit 0"), (78, "exit 78"), (-9, "SIGKILL"), (None, "ended")])
def test_how_a_process_ended_is_said_in_words(status: int | None, words: str) -> None:
    assert describe(status) == words


def test_a_process_id_that_was_given_away_is_not_the_same_process(eventually) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    identity = Identity.of(child.pid)
    assert identity is not None
    somebody_else = Identity(identity.pid, identity.started - 1)
    try:
        assert process.stop(somebody_else, within=0.1) is True
        assert identity.alive()
    finally:
        child.kill()
        child.wait()
    assert not identity.alive()
