"""When waiting readers look again: at once while few wait, in rounds once many do."""

from __future__ import annotations

import asyncio

AT_ONCE = 50
"""Readers woken before the loop looks at its sockets again: a command does not wait for a whole round."""
LONGEST_SECONDS = 0.05


class Rounds:
    """Wakes all that wait, and gathers what happens in between.

    A round begins at once when the last one is over and as long again has passed: one reader on a quiet day sees an
    event within the millisecond, a thousand readers get in one write what came meanwhile, and serving them takes at
    most about half of the process. Without the pause a thousand readers at 100 events a second are 100,000 writes.
    """

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self._turn: list[asyncio.Future[None]] = []
        self._began = 0.0
        self._not_before = 0.0
        self._planned = False
        self._missed = False

    def call(self) -> None:
        """Let everyone who waits look again, soon."""
        if self._planned:
            self._missed = True
        elif self._waiting:
            self._plan()

    async def wait(self, seconds: float) -> None:
        """Return in the next round, or after `seconds`."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        # Cheaper than asyncio.timeout around an event, and this is most of what a reader does.
        alarm = loop.call_later(seconds, _over, waiter)
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            alarm.cancel()
            self._waiting.discard(waiter)

    def _plan(self) -> None:
        self._planned = True
        loop = asyncio.get_running_loop()
        loop.call_later(max(0.0, self._not_before - loop.time()), self._begin)

    def _begin(self) -> None:
        self._began = asyncio.get_running_loop().time()
        # What is called from now on may come after a reader of this round has looked: it needs another round.
        self._missed = False
        self._turn = list(self._waiting)
        self._waiting.clear()
        self._wake_some()

    def _wake_some(self) -> None:
        loop = asyncio.get_running_loop()
        if self._turn:
            some, self._turn = self._turn[:AT_ONCE], self._turn[AT_ONCE:]
            for waiter in some:
                _over(waiter)
            loop.call_soon(self._wake_some)
            return
        now = loop.time()
        self._not_before = now + min(now - self._began, LONGEST_SECONDS)
        self._planned = False
        if self._missed:
            self._plan()


def _over(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
