"""Waiting for the database and the broker at start: services start in any order."""

from __future__ import annotations

from collections.abc import Callable

from chassis.logs import get_logger

_PAUSES = (0.1, 2.0)
_REMIND_AFTER = 10
_log = get_logger()


def wait_for(
    what: str, answers: Callable[[], bool], stopped: Callable[[], bool], sleep: Callable[[float], object]
) -> bool:
    """Ask ``answers`` with back-off until it says yes; False when ``stopped`` says yes first."""
    pause, asked = _PAUSES[0], 0
    while not stopped():
        if answers():
            return True
        asked += 1
        if asked % _REMIND_AFTER == 1:
            _log.warning("waiting", waiting_for=what)
        sleep(pause)
        pause = min(pause * 2, _PAUSES[1])
    return False
