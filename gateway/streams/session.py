"""One reader being served, on whatever kind of connection: until it leaves, is cut for not reading, or we drain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gateway.metrics import STREAM_CUT, STREAM_READERS
from gateway.streams.broker_stream import BrokerStream
from gateway.streams.ending import Ending, StillThere
from gateway.streams.filters import Filter
from gateway.streams.marks import Sealer
from gateway.streams.reader import Reader
from gateway.streams.ring import Ring
from gateway.streams.wire import Wire

LOOKS = 4
"""How often within the limit for one message a reader is looked at."""
Put = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Streams:
    """What every reader shares."""

    ring: Ring
    stream: BrokerStream
    draining: asyncio.Event
    slow_seconds: float
    sealer: Sealer


class TooSlow(Exception):
    """The reader took longer than the limit to accept one message. It resumes from the last it has."""


class Session:
    """Reads for one reader and hands each message to `put`, which waits while the reader's buffers are full."""

    def __init__(
        self, streams: Streams, wanted: Filter, position: int | None, wire: Wire, put: Put, still_there: StillThere
    ) -> None:
        self._streams = streams
        self._still_there = still_there
        self.ending = Ending(streams.draining)
        self._put = put
        self._reader = Reader(streams.ring, streams.stream, wanted, position, wire, self._deliver)
        self._sending_since: float | None = None
        self._is_slow = False

    async def run(self, leaving: Awaitable[None]) -> bool:
        """True when the stream has ended, False when `leaving` is over. Raises TooSlow, and what `put` raises."""
        STREAM_READERS.inc()
        reading = asyncio.ensure_future(self._reader.run(self.ending))
        looking = asyncio.ensure_future(self.ending.watch(self._still_there))
        gone = asyncio.ensure_future(leaving)
        self._watch(reading)
        try:
            await asyncio.wait({reading, gone}, return_when=asyncio.FIRST_COMPLETED)
            if self._is_slow:
                STREAM_CUT.labels("slow").inc()
                raise TooSlow
            if reading.done():
                reading.result()
            return reading.done()
        finally:
            self._watching.cancel()
            reading.cancel()
            gone.cancel()
            looking.cancel()
            await asyncio.gather(reading, gone, looking, return_exceptions=True)
            STREAM_READERS.dec()

    async def _deliver(self, messages: Sequence[bytes]) -> None:
        loop = asyncio.get_running_loop()
        for message in messages:
            # The server writes at once unless the reader's buffers are full, so only a reader that stopped waits here.
            self._sending_since = loop.time()
            await self._put(message)
        self._sending_since = None

    def _watch(self, reading: asyncio.Future[None]) -> None:
        """Look now and then whether one message is under way too long: a time-out around each costs as much as it."""
        loop = asyncio.get_running_loop()
        limit = self._streams.slow_seconds
        since = self._sending_since
        if since is not None and loop.time() - since >= limit:
            self._is_slow = True
            reading.cancel()
            return
        due = limit / LOOKS if since is None else min(limit / LOOKS, since + limit - loop.time())
        self._watching = loop.call_later(max(due, 0.01), self._watch, reading)
