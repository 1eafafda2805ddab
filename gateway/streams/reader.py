"""One reader of the event stream: from its position, through the broker when it is far behind, then from the ring."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gateway.metrics import STREAM_CATCHING_UP, STREAM_EVENTS
from gateway.streams.broker_stream import BrokerStream, Reading, StreamLost
from gateway.streams.ending import Ending
from gateway.streams.filters import Filter
from gateway.streams.ring import Chunk, Event, Gap, Ring
from gateway.streams.wire import Wire

BEAT_SECONDS = 1.0
CHUNK_EVENTS = 256
AHEAD_SECONDS = 5.0
SILENCE_SECONDS = 5.0

Send = Callable[[Sequence[bytes]], Awaitable[None]]


class Reader:
    """Sends every wanted event after `position` in offset order, each once, or says which are lost.

    `position` is the last offset examined (not: sent), None until a reader without one has joined the live end. What is
    sent is for `wire` to say.
    """

    def __init__(
        self, ring: Ring, stream: BrokerStream, wanted: Filter, position: int | None, wire: Wire, send: Send
    ) -> None:
        self._ring = ring
        self._stream = stream
        self._wanted = wanted
        self.position = position
        self._wire = wire
        self._send = send
        self._generation = ring.generation
        self._joined_empty = False
        self._next_beat = time.monotonic()
        self._ahead_since: float | None = None

    async def run(self, ending: Ending) -> None:
        """Read until `ending`; then say where to resume. Raises what `send` raises."""
        await self._send(self._wire.hello())
        while not ending.is_set():
            await self._beat()
            await self._step(ending)
        await self._control("end", {"reason": ending.reason, "resume_after": self._wire.marks.resume(self.position)})

    async def _step(self, ending: Ending) -> None:
        if self._generation != self._ring.generation:
            await self._start_over()
        if self.position is None:
            self._join_live_end()
        if self.position is not None:
            if self._ring.holds(self.position + 1):
                self._ahead_since = None
                if self.position != self._ring.newest:
                    await self._deliver(self._from_ring(self.position))
                    return
            elif self._is_ahead(self.position):
                if self._waited_long_enough():
                    await self._start_over()
                    return
            elif self._ring.newest is not None and self._stream.can_catch_up:
                await self._catch_up(ending)
                return
        await self._ring.wait(self._until_beat())

    def _join_live_end(self) -> None:
        """A reader without a position begins with what comes after now; on an empty stream, with its first event."""
        if self._ring.newest is None:
            self._joined_empty = self._joined_empty or self._ring.settled
        elif self._joined_empty and self._ring.oldest is not None:
            self.position = self._ring.oldest - 1
        elif self._ring.settled:
            self.position = self._ring.newest

    def _is_ahead(self, position: int) -> bool:
        """True when the reader has seen more than the stream has: this gateway lags, or the stream was made anew."""
        if not (self._ring.attached and self._ring.settled):
            return False
        return position > (-1 if self._ring.newest is None else self._ring.newest)

    def _waited_long_enough(self) -> bool:
        now = time.monotonic()
        if self._ahead_since is None:
            self._ahead_since = now
        return now - self._ahead_since >= AHEAD_SECONDS

    async def _start_over(self) -> None:
        """The stream was made anew: everything in it is new to this reader, what was lost nobody can say."""
        self._generation = self._ring.generation
        self._ahead_since = None
        if self.position is not None:
            await self._control("gap", self._wire.marks.gap(self.position + 1, None, "stream_restarted"))
            self.position = -1

    async def _catch_up(self, ending: Ending) -> None:
        """Read from the broker until the ring holds what comes next."""
        assert self.position is not None  # noqa: S101 - _step joins first
        STREAM_CATCHING_UP.inc()
        try:
            async with self._stream.catch_up(self.position + 1) as reading:
                await self._read_to_the_ring(reading, ending)
        except StreamLost:
            await asyncio.sleep(min(BEAT_SECONDS, self._until_beat()))
        finally:
            STREAM_CATCHING_UP.dec()

    async def _read_to_the_ring(self, reading: Reading, ending: Ending) -> None:
        """A reading that falls silent although there is more stands where retention has cut: it is begun anew."""
        heard = time.monotonic()
        while not ending.is_set() and self._generation == self._ring.generation:
            assert self.position is not None  # noqa: S101 - only _start_over unsets it
            if self._ring.holds(self.position + 1):
                return
            events = await reading.next(self._until_beat())
            if events:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE_SECONDS:
                return
            for start in range(0, len(events), CHUNK_EVENTS):
                await self._deliver(chunk_of(events[start : start + CHUNK_EVENTS], self.position, self._wanted))
            await self._beat()

    def _from_ring(self, position: int) -> Chunk:
        key = (position, self._wanted.key)
        chunk = self._ring.chunks.get(key)
        if chunk is None:
            events = self._ring.after(position, CHUNK_EVENTS)
            chunk = self._ring.chunks[key] = chunk_of(events, position, self._wanted)
        return chunk

    async def _deliver(self, chunk: Chunk) -> None:
        self.position = chunk.position
        if chunk.parts:
            await self._send(self._wire.chunk(chunk))
            STREAM_EVENTS.inc(chunk.sent)

    async def _control(self, kind: str, data: dict[str, Any], mark: str | None = None) -> None:
        await self._send(self._wire.control(kind, data, mark))

    async def _beat(self) -> None:
        now = time.monotonic()
        if now < self._next_beat:
            return
        self._next_beat = now + BEAT_SECONDS
        position = -1 if self.position is None and self._joined_empty else self.position
        marks = self._wire.marks
        told = marks.beat(self._ring.newest, position, attached=self._ring.attached)
        await self._control("heartbeat", told, marks.here(position))

    def _until_beat(self) -> float:
        return max(0.0, self._next_beat - time.monotonic())


def chunk_of(events: Sequence[Event], position: int, wanted: Filter) -> Chunk:
    """The wanted ones of the events after `position`, with a gap before any that does not follow."""
    parts: list[Event | Gap] = []
    sent = 0
    for event in events:
        if event.offset <= position:
            continue
        # One offset without an event is the broker's own entry at the head of a segment (measured on 3.10: its
        # writer state, one per segment); retention takes whole segments and leaves a wider gap.
        if event.offset > position + 2:
            parts.append(Gap(position + 1, event.offset - 1, "retention"))
        position = event.offset
        if wanted.wants(event):
            parts.append(event)
            sent += 1
    return Chunk(tuple(parts), position, sent)
