"""Commands that wait for one another travel to dispatch in one call, and are answered by one transaction there.

A command that is alone leaves at once, as a call of its own. While `MOST_CALLS` calls are under way, what comes waits
for the first of them to return, then leaves together: under load the broker carries one message for many commands.
Each keeps its own caller, trace, deadline and answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chassis.errors import DeadlineExceeded
from gateway.metrics import COMMANDS_TOGETHER
from gateway.rpc import Caller, Calls

MOST_CALLS = 4
MOST_COMMANDS = 250
NOBODY = Caller("{}")

Answer = dict[str, Any]


@dataclass(eq=False, slots=True)
class _Waiting:
    command: dict[str, Any]
    caller: Caller
    give_up: float
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Together:
    """One per gateway process."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._queue: deque[_Waiting] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    async def execute(self, command: dict[str, Any], *, timeout_s: float, caller: Caller) -> Answer:
        """Dispatch's answer to one command, refused or not.

        Raises ServiceError when the call fails, DeadlineExceeded after `timeout_s`: then it may have been done.
        """
        mine = _Waiting(command, caller, time.monotonic() + timeout_s)
        self._queue.append(mine)
        self._send_what_waits()
        try:
            async with asyncio.timeout(timeout_s):
                return await mine.answer
        except TimeoutError:
            raise DeadlineExceeded("dispatch did not answer in time") from None
        finally:
            if mine in self._queue:
                self._queue.remove(mine)

    def _send_what_waits(self) -> None:
        while self._queue and len(self._under_way) < MOST_CALLS:
            turn = [self._queue.popleft() for _ in range(min(len(self._queue), MOST_COMMANDS))]
            COMMANDS_TOGETHER.observe(len(turn))
            task = asyncio.create_task(self._send(turn))
            self._under_way.add(task)
            task.add_done_callback(self._returned)

    def _returned(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._send_what_waits()

    async def _send(self, turn: Sequence[_Waiting]) -> None:
        try:
            answers = await self._call(turn)
        except BaseException as error:  # noqa: BLE001 (told to everybody who waits for this call)
            failure = error if isinstance(error, Exception) else DeadlineExceeded("the gateway is shutting down")
            for each in turn:
                if not each.answer.done():
                    each.answer.set_exception(failure)
            return
        for each, answer in zip(turn, answers, strict=True):
            if not each.answer.done():
                each.answer.set_result(answer)

    async def _call(self, turn: Sequence[_Waiting]) -> list[Answer]:
        seconds = max(0.001, max(each.give_up for each in turn) - time.monotonic())
        if len(turn) == 1:
            (one,) = turn
            alone = {"commands": [one.command]}
            reply = await self._calls.call("dispatch", "execute", alone, timeout_s=seconds, caller=one.caller)
            return list(reply["answers"])
        requests = [
            {"actor": each.caller.actor, "traceparent": each.caller.traceparent, "commands": [each.command]}
            for each in turn
        ]
        reply = await self._calls.call(
            "dispatch", "execute_together", {"requests": requests}, timeout_s=seconds, caller=NOBODY
        )
        return [answer for answers in reply["answers"] for answer in answers]
