"""Commands that wait for one another travel to dispatch in one call, and are answered by one transaction there.

A command that is alone leaves at once, as a call of its own; those whose requests came in one moment leave as one.
While `MOST_CALLS` calls are under way, what comes waits for the first of them to return, then leaves together: under
load the broker carries one message for many commands, and dispatch commits once for them.
Each keeps its own caller, trace, deadline and answer.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chassis.actor import Actor
from chassis.assertions import Assertions
from chassis.errors import DeadlineExceeded
from gateway.metrics import COMMANDS_TOGETHER
from gateway.rpc import Caller, Calls

MOST_CALLS = 4
MOST_COMMANDS = 250
OURSELVES = Caller(Actor.of_service("gateway"))

Answer = dict[str, Any]


@dataclass(eq=False, slots=True)
class _Waiting:
    command: dict[str, Any]
    caller: Caller
    give_up: float
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Together:
    """One per gateway process."""

    def __init__(self, calls: Calls, assertions: Assertions) -> None:
        self._calls = calls
        self._assertions = assertions
        self._queue: deque[_Waiting] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._about_to_send = False

    async def execute(self, command: dict[str, Any], *, timeout_s: float, caller: Caller) -> Answer:
        """Dispatch's answer to one command, refused or not.

        Raises ServiceError when the call fails, DeadlineExceeded after `timeout_s`: then it may have been done.
        """
        mine = _Waiting(command, caller, time.monotonic() + timeout_s)
        self._queue.append(mine)
        self._send_soon()
        try:
            async with asyncio.timeout(timeout_s):
                return await mine.answer
        except TimeoutError:
            raise DeadlineExceeded("dispatch did not answer in time") from None
        finally:
            if mine in self._queue:
                self._queue.remove(mine)

    def _send_soon(self) -> None:
        """Once everybody had a turn whose request came in the same moment: they leave together."""
        if not self._about_to_send:
            self._about_to_send = True
            asyncio.get_running_loop().call_soon(self._send_what_waits)

    def _send_what_waits(self) -> None:
        self._about_to_send = False
        while self._queue and len(self._under_way) < MOST_CALLS:
            turn = [self._queue.popleft() for _ in range(min(len(self._queue), MOST_COMMANDS))]
            COMMANDS_TOGETHER.observe(len(turn))
            task = asyncio.create_task(self._send(turn))
            self._under_way.add(task)
            task.add_done_callback(self._returned)

    def _returned(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._send_soon()

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
        requests = [request_of(self._assertions, each.caller, each.command) for each in turn]
        reply = await self._calls.call(
            "dispatch", "execute_together", {"requests": requests}, timeout_s=seconds, caller=OURSELVES
        )
        return [answer for answers in reply["answers"] for answer in answers]


def request_of(assertions: Assertions, caller: Caller, command: dict[str, Any]) -> dict[str, Any]:
    """One caller's command in a call that carries several, vouched for on its own."""
    actor = assertions.of(caller.actor, "dispatch")
    return {"actor": actor, "traceparent": caller.traceparent, "commands": [command]}
