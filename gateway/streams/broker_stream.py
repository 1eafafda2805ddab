"""Reading the stream queue `events` over AMQP 0-9-1: one shared consumer for the ring, short-lived ones to catch up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.exceptions import AMQPError

from chassis.logs import get_logger
from chassis.topology import STREAM
from gateway.amqp import Link, ask, open_channel
from gateway.metrics import STREAM_NEWEST_OFFSET, STREAM_UNHEARD
from gateway.streams.frames import read_event
from gateway.streams.ring import Event, Ring

LIVE_PREFETCH = 500
CATCH_UP_PREFETCH = 300
MOST_CATCH_UPS = 32
REATTACH_SECONDS = 1.0
ANSWER_SECONDS = 10.0
SILENCE_SECONDS = 5.0
SETTLE_SECONDS = 0.5

log = get_logger()


class StreamLost(Exception):
    """The broker, the channel or the queue is away; the position is kept and reading goes on later."""


class BrokerStream:
    """Feeds the ring from the stream, for as long as the process lives, and opens catch-up readings."""

    def __init__(
        self, amqp_url: str, ring: Ring, queue: str = STREAM, silence_seconds: float = SILENCE_SECONDS
    ) -> None:
        self._ring = ring
        self._queue = queue
        self._silence_seconds = silence_seconds
        self._link = Link(amqp_url, "gateway.stream", self._setup, self._lost)
        self._slots = asyncio.Semaphore(MOST_CATCH_UPS)
        self._feeding: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin connecting; returns at once."""
        self._link.start()

    async def stop(self) -> None:
        """Close the connection."""
        await self._link.stop()

    async def _setup(self, connection: AsyncioConnection) -> None:
        self._feeding = asyncio.create_task(self._feed(connection), name="stream ring")

    def _lost(self) -> None:
        self._ring.attached = False
        if self._feeding is not None:
            self._feeding.cancel()
            self._feeding = None
        self._ring.wake()

    async def _feed(self, connection: AsyncioConnection) -> None:
        """Read into the ring until the connection ends; a queue that is not there yet is waited for."""
        while connection.is_open:
            try:
                await self._feed_once(connection)
            except (StreamLost, AMQPError, TimeoutError) as error:
                log.info("event stream not readable yet", reason=str(error)[:200])
            self._ring.attached = False
            await asyncio.sleep(REATTACH_SECONDS)

    async def _feed_once(self, connection: AsyncioConnection) -> None:
        """One consumer from where the ring ends, for as long as it hears everything.

        After a reconnect it asks for the newest event the ring already has once more: a stream always keeps its last
        segment, so silence is suspicious from the first moment.
        """
        begun_anew = self._ring.newest is None
        reading = Reading(await open_channel(connection), self._queue)
        try:
            await reading.begin(self._where_to_begin(), LIVE_PREFETCH)
            self._ring.attached = True
            self._ring.wake()
            events = await reading.next(SETTLE_SECONDS if begun_anew else self._silence_seconds)
            if events or begun_anew:
                self._take(events)
                self._ring.settled = True
                self._ring.wake()
            while events or await self._hears_all(connection, reading):
                events = await reading.next(self._silence_seconds)
                self._take(events)
        finally:
            reading.close()

    def _where_to_begin(self) -> int | str:
        if self._ring.newest is not None:
            return self._ring.newest
        return "last" if self._ring.generation == 0 else "first"

    async def _hears_all(self, connection: AsyncioConnection, reading: Reading) -> bool:
        """Whether a `reading` that is silent is so because nothing happens; a second consumer tells.

        What comes meanwhile is taken at once, and ends the question. False when the stream's last event was not heard.
        If it is older than the ring's, the stream was made anew, and the ring is emptied.
        """
        looking = asyncio.ensure_future(self._last_offset(connection))
        hearing = asyncio.ensure_future(reading.next(None))
        try:
            await asyncio.wait((looking, hearing), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait((hearing,), timeout=SETTLE_SECONDS)
            if hearing.done():
                self._take(hearing.result())
                return True
            last = looking.result()
        finally:
            looking.cancel()
            hearing.cancel()
            await asyncio.gather(looking, hearing, return_exceptions=True)
        if last is None or (reading.heard is not None and last <= reading.heard):
            return True
        newest = self._ring.newest
        if newest is not None and last < newest:
            log.warning("event stream was made anew", last_offset=last, newest_offset=newest)
            self._ring.reset()
        else:
            log.warning("event stream has more than was heard", last_offset=last, newest_offset=newest)
            STREAM_UNHEARD.inc()
        return False

    async def _last_offset(self, connection: AsyncioConnection) -> int | None:
        """Offset of the stream's last event, or of one soon before it; None when nothing came."""
        reading = Reading(await open_channel(connection), self._queue)
        last = None
        try:
            await reading.begin("last", LIVE_PREFETCH)
            events = await reading.next(self._silence_seconds)
            until = time.monotonic() + SETTLE_SECONDS
            while events:
                last = events[-1].offset
                events = await reading.next(max(0.0, until - time.monotonic()))
        finally:
            reading.close()
        return last

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            self._ring.append(event)
        STREAM_NEWEST_OFFSET.set(-1 if self._ring.newest is None else self._ring.newest)

    @property
    def can_catch_up(self) -> bool:
        """True when `catch_up` would start at once."""
        return self._link.up.is_set() and not self._slots.locked()

    @asynccontextmanager
    async def catch_up(self, first: int) -> AsyncIterator[Reading]:
        """A reading of its own from offset `first`. Raises StreamLost when the stream cannot be read now."""
        async with self._slots:
            connection = self._link.connection
            if connection is None or not connection.is_open:
                raise StreamLost("no connection to the broker")
            reading: Reading | None = None
            try:
                reading = Reading(await open_channel(connection), self._queue)
                await reading.begin(first, CATCH_UP_PREFETCH)
                yield reading
            except (AMQPError, TimeoutError) as error:
                raise StreamLost(str(error)) from error
            finally:
                if reading is not None:
                    reading.close()


class Reading:
    """One consumer on the stream queue. Unread deliveries are bounded by the prefetch: no ack, no more."""

    def __init__(self, channel: Channel, queue: str) -> None:
        self._channel = channel
        self._queue = queue
        self._first = 0
        self._arrived: list[Event] = []
        self.heard: int | None = None
        """Offset of the newest event that came."""
        self._last_tag = 0
        self._ready = asyncio.Event()
        self._ended: BaseException | None = None
        channel.add_on_close_callback(self._on_close)
        channel.add_on_cancel_callback(self._on_cancel)

    async def begin(self, offset: int | str, prefetch: int) -> None:
        """Start consuming at `offset` (a number, or `first`, `last`, `next`).

        Raises AMQPError when the queue is not there, TimeoutError when a broker that is starting does not answer.
        """
        self._first = offset if isinstance(offset, int) else 0
        async with asyncio.timeout(ANSWER_SECONDS):
            await ask(self._channel, self._channel.basic_qos, prefetch_count=prefetch)
            await ask(
                self._channel,
                self._channel.basic_consume,
                queue=self._queue,
                on_message_callback=self._on_message,
                arguments={"x-stream-offset": offset},
            )

    async def next(self, seconds: float | None) -> Sequence[Event]:
        """What has arrived, at least one event.

        Empty after `seconds` of silence. Raises StreamLost when the reading ends.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._ready.wait()
        except TimeoutError:
            return ()
        if not self._arrived and self._ended is not None:
            raise StreamLost(str(self._ended))
        events, self._arrived = self._arrived, []
        if self._ended is None:
            self._ready.clear()
            self._channel.basic_ack(self._last_tag, multiple=True)
        return events

    def close(self) -> None:
        """Stop consuming."""
        if self._channel.is_open:
            self._channel.close()

    def _on_message(self, _channel: Channel, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        offset = (properties.headers or {}).get("x-stream-offset", -1)
        self._last_tag = method.delivery_tag
        # The broker delivers whole chunks; what lies before the offset asked for is not for this reading.
        if offset >= self._first:
            self._arrived.append(read_event(offset, method.routing_key, body))
            self.heard = offset
            self._ready.set()
        elif not self._arrived:
            self._channel.basic_ack(method.delivery_tag, multiple=True)

    def _on_close(self, _channel: Channel, reason: BaseException) -> None:
        self._ended = reason
        self._ready.set()

    def _on_cancel(self, _frame: Any) -> None:
        self._ended = StreamLost("the stream queue was deleted")
        self._ready.set()
