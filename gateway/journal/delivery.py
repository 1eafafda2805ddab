"""Delivering what was taken, in the order taken, as soon as dispatch answers again.

Each call goes under its own key, so that one which dispatch had carried out already gets the same answer and no second
effect. One batch is under way at a time: that keeps the order.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime

from chassis.assertions import Assertions
from chassis.clock import format_time
from chassis.errors import Internal, ServiceError
from chassis.logs import get_logger
from chassis.vault import VaultError
from gateway.journal import metrics
from gateway.journal.backlog import Backlog, Taken
from gateway.journal.intake import Intake
from gateway.journal.journal import Journal, Note
from gateway.rpc import Caller, Calls
from gateway.together import OURSELVES, Answer, request_of

BATCH = 250
ATTEMPT_SECONDS = 10.0
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.05, 1.0
POSTPONED_SECONDS = 30.0
TIDY_SECONDS = 1.0
log = get_logger()


class Delivery:
    """The one task that empties a journal."""

    def __init__(self, intake: Intake, journal: Journal, calls: Calls, assertions: Assertions) -> None:
        self._assertions = assertions
        self._intake = intake
        self._journal = journal
        self._calls = calls
        self._singly = 0
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; returns at once."""
        self._tasks = [asyncio.create_task(self._keep_running()), asyncio.create_task(self._tidy())]

    async def stop(self) -> None:
        """Stop; what is not delivered stays in the journal."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def _backlog(self) -> Backlog:
        return self._intake.backlog

    async def _keep_running(self) -> None:
        while True:
            try:
                await self._run()
            except Exception:
                # A defect in one delivery must not be the end of all: everything is still in the journal.
                log.exception("delivery of taken calls failed")
                await asyncio.sleep(LONGEST_DELAY_SECONDS)

    async def _run(self) -> None:
        delay = FIRST_DELAY_SECONDS
        while True:
            await self._backlog.more.wait()
            if await self._deliver(self._readable(self._backlog.next_batch(1 if self._singly else BATCH))):
                delay = FIRST_DELAY_SECONDS
                continue
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - spreads gateways, keeps no secret
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)

    async def _deliver(self, batch: list[tuple[Taken, Note]]) -> bool:
        """True when dispatch answered; then everything of the batch is settled, or is tried in another way."""
        try:
            answers = await self._call([note for _, note in batch]) if batch else []
        except ServiceError as error:
            if error.retryable:
                self._intake.flowing = False
                self._put_back(batch)
                return False
            if len(batch) > 1:
                # One of them upsets the call: they are tried one by one, and it stays alone.
                self._singly = len(batch)
                self._put_back(batch)
                return True
            # Of the call, not of the command: whatever is wrong with it, it says nothing against the caller's words.
            self._singly = max(0, self._singly - 1)
            for taken, _ in batch:
                self._postpone(taken, error.code)
            return True
        except BaseException:
            self._put_back(batch)
            raise
        self._singly = max(0, self._singly - len(batch))
        self._intake.flowing = True
        for (taken, _), answer in zip(batch, answers, strict=True):
            self._conclude(taken, answer)
        return True

    def _readable(self, batch: Sequence[Taken]) -> list[tuple[Taken, Note]]:
        """The batch with what was written; what was changed on the disk since is set aside for a person."""
        found = []
        for taken in batch:
            try:
                found.append((taken, self._note(taken)))
            except (VaultError, OSError, ValueError):
                log.error("taken call cannot be read back", file=taken.entry.segment.path.name)  # noqa: TRY400
                metrics.UNREADABLE_BYTES.inc(taken.entry.record.length)
                self._backlog.set_aside(taken)
        return found

    async def _call(self, notes: Sequence[Note]) -> list[Answer]:
        # Vouched for anew: what was signed at the time taken may have expired since.
        requests = [request_of(self._assertions, Caller(note.actor, note.traceparent), note.command) for note in notes]
        reply = await self._calls.call(
            "dispatch", "execute_together", {"requests": requests}, timeout_s=ATTEMPT_SECONDS, caller=OURSELVES
        )
        answers: list[Answer] = [answer for each in reply["answers"] for answer in each]
        if len(answers) != len(notes):
            raise Internal("dispatch answered another number of commands than it was given")
        return answers

    def _note(self, taken: Taken) -> Note:
        """What was written, with the time taken beside it: when the command tells no time, it happened then."""
        note = self._journal.read(taken.entry)
        taken_at = format_time(datetime.fromtimestamp(taken.entry.taken_us / 1e6, UTC))
        return Note(note.actor, note.traceparent, {**note.command, "view": False, "taken_at": taken_at})

    def _conclude(self, taken: Taken, answer: Answer) -> None:
        problem = answer.get("problem") or {}
        if not answer.get("ok") and (int(problem.get("status", 500)) >= 500 or problem.get("retryable")):
            self._postpone(taken, str(problem.get("code")))
            return
        if answer.get("ok"):
            metrics.DELIVERED.inc()
        else:
            metrics.REFUSED.labels(str(problem.get("code", "unknown"))).inc()
            log.warning("taken call was refused", code=problem.get("code"), rule=problem.get("rule"))
        self._intake.settle(taken, answer)

    def _postpone(self, taken: Taken, code: str) -> None:
        """A defect, not a refusal: the call is kept, the others go on, somebody is told."""
        metrics.POSTPONED.inc()
        log.error("taken call could not be delivered", code=code, taken_us=taken.entry.taken_us)
        self._backlog.set_aside(taken)
        asyncio.get_running_loop().call_later(POSTPONED_SECONDS, self._backlog.take_up, taken)

    def _put_back(self, batch: Sequence[tuple[Taken, Note]]) -> None:
        for taken, _ in batch:
            self._backlog.put_back(taken)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            self._journal.tidy()
