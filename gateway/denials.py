"""Requests that were denied, told to dispatch for the record: in the background, alike ones together.

Each is counted and logged at once, so that a record exists also while dispatch is away. What dispatch itself denied it
has recorded with its own transaction; such an answer says `on_record`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from chassis.actor import Actor
from chassis.errors import ServiceError
from chassis.logs import get_logger
from gateway.metrics import DENIED, DENIED_UNTOLD
from gateway.rpc import Caller, Calls

PAUSE_SECONDS = 0.5
MOST_WAITING = 5_000
"""Different ones; a flood of the same is one entry that counts."""
TELL_SECONDS = 10.0
AT_ONCE = 500
STATUSES = frozenset({401, 403})
SAID_BY = "gateway"
OURSELVES = Caller(Actor.of_service("gateway"))

log = get_logger()

Entry = tuple[tuple[str, Any], ...]


class Denials:
    """One per gateway process."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._waiting: dict[Entry, dict[str, Any]] = {}
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin telling; returns at once."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Tell what waits, if that can be done at once; then no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._waiting:
            with contextlib.suppress(ServiceError):
                await self._tell(timeout_s=1.0)

    def note(self, asked: str, actor: Actor, error: ServiceError, request_id: str | None) -> None:
        """Take note of an answer, if it denies something that is on no record yet."""
        if error.status not in STATUSES or error.extra.get("on_record"):
            return
        permission = error.extra.get("permission")
        DENIED.labels(asked, error.code).inc()
        log.info(
            "denied", asked=asked, code=error.code, subject=actor.subject, client=actor.client, permission=permission,
            rule=error.rule, purpose=actor.purpose,
        )  # fmt: skip
        alike: dict[str, Any] = {
            "asked": asked, "code": error.code, "subject": actor.subject, "client": actor.client,
            "credential": actor.credential, "permission": permission, "rule": error.rule, "purpose": actor.purpose,
        }  # fmt: skip
        self._add(alike, request_id)

    def _add(self, alike: dict[str, Any], request_id: str | None) -> None:
        entry = tuple(alike.items())
        known = self._waiting.get(entry)
        if known is not None:
            known["times"] += 1
        elif len(self._waiting) < MOST_WAITING:
            self._waiting[entry] = {**alike, "request_id": request_id, "times": 1}
            self._more.set()
        else:
            DENIED_UNTOLD.inc()

    async def _run(self) -> None:
        pause = PAUSE_SECONDS
        while True:
            await self._more.wait()
            await asyncio.sleep(pause)
            try:
                await self._tell(timeout_s=TELL_SECONDS)
                pause = PAUSE_SECONDS
            except ServiceError as error:
                # They wait here; whatever happens to this process, the log has them.
                log.warning("denials wait to be recorded", code=error.code, waiting=len(self._waiting))
                pause = min(pause * 2, 30.0)

    async def _tell(self, *, timeout_s: float) -> None:
        while self._waiting:
            turn = dict(list(self._waiting.items())[:AT_ONCE])
            for entry in turn:
                del self._waiting[entry]
            told = {"said_by": SAID_BY, "denials": [_without_nulls(each) for each in turn.values()]}
            try:
                await self._calls.call("dispatch", "record_denials", told, timeout_s=timeout_s, caller=OURSELVES)
            except BaseException:
                self._put_back(turn)
                raise
        self._more.clear()

    def _put_back(self, turn: dict[Entry, dict[str, Any]]) -> None:
        for entry, each in turn.items():
            again = self._waiting.get(entry)
            if again is not None:
                again["times"] += each["times"]
            else:
                self._waiting[entry] = each


def _without_nulls(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if value is not None}
