"""Taking calls in: through to dispatch while it answers, into the journal and 202 while it does not.

Every call is written down before it is sent. While nothing waits it goes to dispatch at once; once one could not be
delivered, everything taken later queues behind it, so that what was taken first arrives first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chassis.clock import format_time
from chassis.errors import IdempotencyKeyReused, ServiceError
from gateway.journal import metrics
from gateway.journal.backlog import Backlog, Outcomes, Taken
from gateway.journal.journal import Entry, Journal, Note, StoreFull
from gateway.journal.tracking import Tracked, Tracking
from gateway.rpc import Caller
from gateway.together import Answer, Together

INTAKE = "incident.create"
"""The one command that is kept: an emergency that was told is never lost."""
NOT_THE_BODY = ("key", "view")


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: how long dispatch is waited for before a call is answered 202, how old the oldest that waits may get."""

    answer_seconds: float
    oldest_seconds: float


class Intake:
    """One per gateway process. Without a journal it passes calls through and keeps nothing."""

    def __init__(
        self,
        journal: Journal | None,
        commands: Together,
        tracking: Tracking,
        patience: Patience,
        connected: Callable[[], bool],
    ) -> None:
        self._connected = connected
        self.journal = journal
        self.tracking = tracking
        self.backlog = Backlog()
        self.outcomes = Outcomes()
        self.flowing = True
        """False while dispatch is known to be away: nobody waits for an answer then."""
        self._commands = commands
        self._patience = patience
        self._known: dict[tuple[str, str], Taken] = {}

    def recover(self) -> int:
        """Queue what earlier lives of this journal took and did not settle; how many there are."""
        found = [] if self.journal is None else self.journal.recover()
        for entry in found:
            taken = self._known[entry.owner, entry.key] = Taken(entry)
            self.backlog.add(taken)
        return len(found)

    @property
    def can_take(self) -> bool:
        """True while a call that dispatch does not answer would be kept."""
        return self.journal is not None and self.journal.has_room and not self._too_old

    async def take(self, command: dict[str, Any], caller: Caller, *, timeout_s: float) -> Answer:
        """Dispatch's answer to a command that reads well, or one of status 202 when it is kept for later.

        `timeout_s` is how long to wait when it cannot be kept. Raises ServiceError: IdempotencyKeyReused, StoreFull, or
        what dispatch answered that cannot be tried again.
        """
        known = self._known.get((caller.actor.owner, command["key"]))
        if known is not None:
            return await self._again(known, command, caller)
        try:
            taken = self._write(command, caller)
        except StoreFull:
            if self.backlog.in_line:
                # It would overtake what waits, and is refused rather than forgotten.
                metrics.TURNED_AWAY.inc()
                raise
            taken = None
        if taken is None:
            return await self._commands.execute(command, timeout_s=timeout_s, caller=caller)
        if self.backlog.in_line or not self._connected():
            self.backlog.add(taken)
            return await self._told_soon(taken)
        return await self._send(taken, command, caller)

    async def keep(self, commands: Sequence[dict[str, Any]], caller: Caller) -> list[Answer | None]:
        """Keep commands that dispatch did not answer: an answer of status 202 each, None for what cannot be kept."""
        kept = [self._kept(command, caller) for command in commands]
        entries = [taken.entry for taken in kept if taken is not None]
        if self.journal is not None and entries:
            await self.journal.sync()
        return [None if taken is None else self.receipt(taken.entry) for taken in kept]

    def find(self, owner: str, tracked: Tracked) -> Entry | None:
        """The entry that waits in this process under a tracked key."""
        known = self._known.get((owner, tracked.key))
        return None if known is None else known.entry

    def settle(self, taken: Taken, answer: Answer) -> None:
        """It was delivered from the backlog, and this was the answer."""
        self.backlog.done(taken)
        self.outcomes.add(taken.entry.owner, taken.entry.key, answer)
        self._forget(taken)
        if not taken.answered.done():
            taken.answered.set_result(answer)

    def receipt(self, entry: Entry) -> Answer:
        """The answer to a call that is on the disk."""
        metrics.TAKEN.inc()
        assert self.journal is not None  # noqa: S101 - there is an entry
        tracked = Tracked(self.journal.identity, entry.taken_us, entry.key)
        result = {
            "tracking_id": self.tracking.seal(tracked, entry.owner),
            "state": "waiting",
            "taken_at": format_time(datetime.fromtimestamp(entry.taken_us / 1e6, UTC)),
        }
        return {"ok": True, "status": 202, "replayed": False, "result": result}

    @property
    def _too_old(self) -> bool:
        return self.backlog.line_seconds > self._patience.oldest_seconds

    def _write(self, command: dict[str, Any], caller: Caller) -> Taken | None:
        """Written down, None without a journal. Raises StoreFull."""
        if self.journal is None:
            return None
        if self._too_old:
            raise StoreFull("what was taken first has waited too long for more to be taken")
        entry = self.journal.write(Note(caller.actor, caller.traceparent, command))
        taken = self._known[entry.owner, entry.key] = Taken(entry)
        return taken

    def _kept(self, command: dict[str, Any], caller: Caller) -> Taken | None:
        taken = self._known.get((caller.actor.owner, command["key"]))
        if taken is None:
            try:
                taken = self._write(command, caller)
            except StoreFull:
                metrics.TURNED_AWAY.inc()
        if taken is not None and not taken.queued:
            self.backlog.add(taken)
        return taken

    async def _send(self, taken: Taken, command: dict[str, Any], caller: Caller) -> Answer:
        """Straight to dispatch, for nothing waits before it."""
        settled = False
        try:
            answer = await self._execute(command, caller)
            settled = True
        except ServiceError as error:
            settled = not error.retryable
            if settled:
                raise
            self.flowing = False
            self._queue(taken)
            return await self._accepted(taken)
        finally:
            if settled:
                self._forget(taken)
            else:
                # Also when the caller's task is ended: what became of the command is not known.
                self._queue(taken)
        return answer

    async def _execute(self, command: dict[str, Any], caller: Caller) -> Answer:
        return await self._commands.execute(command, timeout_s=self._patience.answer_seconds, caller=caller)

    async def _again(self, known: Taken, command: dict[str, Any], caller: Caller) -> Answer:
        """The same key while its call is not settled: the same fate, or a refusal when it stands for another call."""
        assert self.journal is not None  # noqa: S101 - something is known
        note = self.journal.read(known.entry)
        if _body(note.command) != _body(command):
            raise IdempotencyKeyReused("this key was used for another command", field="Idempotency-Key")
        if known.queued:
            return await self._told_soon(known)
        try:
            return await self._execute(command, caller)
        except ServiceError as error:
            if not error.retryable or not known.queued:
                raise
            return await self._accepted(known)

    async def _told_soon(self, taken: Taken) -> Answer:
        """Dispatch's answer when deliveries get through and its turn comes in time, else the receipt."""
        if self.flowing and self._connected():
            await asyncio.wait({taken.answered}, timeout=self._patience.answer_seconds)
        return taken.answered.result() if taken.answered.done() else await self._accepted(taken)

    async def _accepted(self, taken: Taken) -> Answer:
        """The receipt, once the call is on the disk. Raises StoreFull when the disk refuses."""
        assert self.journal is not None  # noqa: S101 - something was taken
        await self.journal.sync()
        return self.receipt(taken.entry)

    def _queue(self, taken: Taken) -> None:
        if not taken.queued and (taken.entry.owner, taken.entry.key) in self._known:
            self.backlog.add(taken)

    def _forget(self, taken: Taken) -> None:
        self._known.pop((taken.entry.owner, taken.entry.key), None)
        if self.journal is not None:
            self.journal.settle(taken.entry)


def _body(command: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in command.items() if name not in NOT_THE_BODY}
