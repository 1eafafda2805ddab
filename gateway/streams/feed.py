"""`POST /v1/feed`: a stream of commands in, their answers out, line by line, in order (NDJSON both ways).

Three tasks share one connection. The *taker* reads the body and parses lines into a bounded backlog; the *runner* sends
batches to dispatch, one in flight, so that commands run in the order they came; the *writer* sends the answers.
The rule for clients: answers may be read while sending or after sending. Unread answers wait in a file of this process
up to a limit (WANGGE_FEED_SPOOL_BYTES, about a million answers); past it the gateway stops reading until some are read.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from chassis.errors import ServiceError, Unavailable
from chassis.logs import get_logger
from gateway.journal.keeper import TAKEN, Keeper
from gateway.metrics import FEED_LINES
from gateway.rpc import Calls
from gateway.streams.lines import Line, LineSplitter
from gateway.streams.spool import Spool

BATCH_LINES = 500
BATCH_SECONDS = 0.02
ATTEMPT_SECONDS = 10.0
BACKLOG_LINES = 2 * BATCH_LINES
CONTENT_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
HEADERS = [(b"content-type", b"application/x-ndjson"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]

log = get_logger()


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """How long a batch is tried again while dispatch is away, and how many bytes of answers may wait on disk."""

    patience_seconds: float
    spool_bytes: int


class FeedResponse:
    """The answer to one feed; lasts as long as its request."""

    def __init__(self, calls: Calls, keeper: Keeper, limits: FeedLimits, request_id: str) -> None:
        self._calls = calls
        self._keeper = keeper
        self._limits = limits
        self._request_id = request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the feed to its end. Raises ClientDisconnect when the client leaves before its body ends."""
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        session = FeedSession(self._calls, self._keeper, self._limits, self._request_id)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(session.take(receive))
                tasks.create_task(session.run())
                tasks.create_task(session.write(send))
        except BaseExceptionGroup as group:
            if group.subgroup(ClientDisconnect) is not None:
                raise ClientDisconnect from None
            raise
        finally:
            session.close()


class FeedSession:
    """What the three tasks of one feed share."""

    def __init__(self, calls: Calls, keeper: Keeper, limits: FeedLimits, request_id: str) -> None:
        self._calls = calls
        self._keeper = keeper
        self._limits = limits
        self._request_id = request_id
        self._backlog: list[Line] = []
        self._input_ended = False
        self._more = asyncio.Event()
        self._less = asyncio.Event()
        self._spool = Spool(limits.spool_bytes)
        self._broken: ServiceError | None = None
        self._tally: Tally[str] = Tally()
        self._started = time.perf_counter()

    async def take(self, receive: Receive) -> None:
        """Read the body into the backlog, no faster than batches leave it."""
        splitter = LineSplitter()
        while True:
            await self._wait_for_room()
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            self._add(list(splitter.feed(message.get("body", b""))))
            if not message.get("more_body", False):
                self._add(list(splitter.end()))
                self._input_ended = True
                self._more.set()
                return

    async def run(self) -> None:
        """Batch by batch to dispatch; then the summary."""
        while batch := await self._next_batch():
            self._answer(batch, await self._execute([line.command for line in batch if line.command is not None]))
        tally = {name: self._tally[name] for name in ("accepted", "waiting", "replayed", "refused", "unavailable")}
        seconds = round(time.perf_counter() - self._started, 3)
        summary = {"lines": self._tally["lines"], **tally, "seconds": seconds}
        self._spool.put(orjson.dumps({"summary": summary}) + b"\n")
        self._spool.finish()

    async def write(self, send: Send) -> None:
        """Send answers as the client takes them."""
        while data := await self._spool.take():
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def close(self) -> None:
        """Give back what the feed held."""
        self._spool.close()

    def _add(self, lines: Sequence[Line]) -> None:
        if lines:
            self._backlog.extend(lines)
            self._more.set()

    async def _wait_for_room(self) -> None:
        while len(self._backlog) >= BACKLOG_LINES:
            self._less.clear()
            await self._less.wait()
        await self._spool.wait_for_room()

    async def _next_batch(self) -> list[Line]:
        """Up to 500 lines; fewer when 20 ms have passed since the first or the body has ended. Empty at the end."""
        while not self._backlog and not self._input_ended:
            self._more.clear()
            await self._more.wait()
        closes = time.monotonic() + BATCH_SECONDS
        while len(self._backlog) < BATCH_LINES and not self._input_ended:
            self._more.clear()
            try:
                async with asyncio.timeout(max(0.0, closes - time.monotonic())):
                    await self._more.wait()
            except TimeoutError:
                break
        batch, self._backlog = self._backlog[:BATCH_LINES], self._backlog[BATCH_LINES:]
        self._less.set()
        return batch

    async def _execute(self, commands: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """One answer for each command.

        Once dispatch was away for the whole patience, nothing later is tried: order holds.
        """
        if not commands:
            return []
        if self._broken is None:
            try:
                return await self._call(commands)
            except ServiceError as error:
                log.warning("feed batch failed", code=error.code, lines=len(commands))
                if not error.retryable:
                    return [self._refusal(error)] * len(commands)
                self._broken = Unavailable("dispatch did not answer; send this line again with the same key")
        kept = await self._keeper.keep(commands)
        return [self._refusal(self._broken) if answer is None else answer for answer in kept]

    async def _call(self, commands: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The answers of one batch, tried again with the same keys until the patience is used up.

        Raises ServiceError.
        """
        give_up = time.monotonic() + self._limits.patience_seconds
        if not await self._keeper.clear(self._limits.patience_seconds):
            raise Unavailable("what was taken before is not delivered yet")
        while True:
            patience = max(0.001, give_up - time.monotonic())
            attempt = min(ATTEMPT_SECONDS, patience)
            try:
                result = await self._calls.call(
                    "dispatch", "execute", {"commands": commands}, timeout_s=attempt, caller=self._keeper.caller
                )
                break
            except ServiceError as error:
                if not error.retryable or attempt == patience:
                    raise
        answers: list[dict[str, Any]] = result["answers"]
        if len(answers) != len(commands):
            raise Unavailable("dispatch answered another number of commands than it was given")
        return answers

    def _answer(self, batch: Sequence[Line], answers: Sequence[dict[str, Any]]) -> None:
        remaining = iter(answers)
        out: list[bytes] = []
        for line in batch:
            answer = next(remaining) if line.error is None else self._refusal(line.error)
            self._count(answer)
            out.append(orjson.dumps({"line": line.number, **answer}))
        out.append(b"")
        self._spool.put(b"\n".join(out))

    def _refusal(self, error: ServiceError) -> dict[str, Any]:
        return {"ok": False, "replayed": False, "problem": {**error.to_problem(), "request_id": self._request_id}}

    def _count(self, answer: dict[str, Any]) -> None:
        if answer.get("ok"):
            outcome = "waiting" if answer.get("status") == TAKEN else "accepted"
        else:
            code = answer.get("problem", {}).get("code")
            outcome = "unavailable" if code == Unavailable.code else "refused"
        self._tally["lines"] += 1
        self._tally[outcome] += 1
        if answer.get("replayed"):
            self._tally["replayed"] += 1
        FEED_LINES.labels(outcome).inc()
