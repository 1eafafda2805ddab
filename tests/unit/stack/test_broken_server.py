"""A server that answers and is of no use is started anew; one that is only slow is left alone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from cli.stack import process
from cli.stack.process import Identity
from cli.stack.state import PartState
from cli.stack.watched import BROKEN_SECONDS, Watched
from tests.support.eventually import eventually


@pytest.fixture
def server() -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(["sleep", "60"])
    yield child
    child.kill()
    child.wait()


def watched(server: subprocess.Popen[bytes], now: list[float], *, broken: bool) -> Watched:
    state = PartState("broker", "server", state="ready", identity=Identity.of(server.pid))
    return Watched(state, lambda: process.started(server), lambda: True, is_broken=lambda: broken, clock=lambda: now[0])


def test_what_has_said_for_a_while_that_it_is_broken_is_ended_and_counted_as_a_restart(
    server: subprocess.Popen[bytes],
) -> None:
    now = [100.0]
    one = watched(server, now, broken=True)
    one.step(set())
    assert one.state.state == "unready"
    assert server.poll() is None
    now[0] += BROKEN_SECONDS + 1
    one.step(set())
    assert eventually(lambda: server.poll() is not None)
    one.step(set())
    assert (one.state.state, one.state.restarts) == ("backing_off", 1)


def test_what_is_not_broken_is_left_alone(server: subprocess.Popen[bytes]) -> None:
    now = [100.0]
    one = watched(server, now, broken=False)
    for _ in range(3):
        one.step(set())
        now[0] += BROKEN_SECONDS + 1
    assert (one.state.state, server.poll()) == ("ready", None)
