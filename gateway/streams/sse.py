"""`GET /v1/stream`: the HTTP side of the event stream (server-sent events, WHATWG HTML section 9.2)."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from chassis.errors import InvalidInput
from gateway.metrics import STREAM_CUT, STREAM_READERS
from gateway.routes.edge import AnswerCut
from gateway.streams.broker_stream import BrokerStream
from gateway.streams.filters import Filter, parse_filter
from gateway.streams.reader import Reader
from gateway.streams.ring import Ring

LARGEST_OFFSET = 2**62
LOOKS = 4
"""How often within the limit for one chunk a reader is looked at."""
_OFFSET = re.compile(r"-1|[0-9]{1,19}")
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(frozen=True, slots=True)
class Streams:
    """What every reader shares."""

    ring: Ring
    stream: BrokerStream
    draining: asyncio.Event
    slow_seconds: float


class StreamResponse:
    """The answer to one reader; lasts until the reader leaves, is cut for not reading, or the gateway drains."""

    def __init__(self, streams: Streams, wanted: Filter, position: int | None) -> None:
        self._streams = streams
        self._wanted = wanted
        self._position = position
        self._sending_since: float | None = None
        self._is_slow = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the reader. Raises AnswerCut when it takes longer than the limit to accept one chunk."""
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        STREAM_READERS.inc()
        reading = asyncio.ensure_future(self._read(send))
        leaving = asyncio.ensure_future(left(receive))
        self._watch(reading)
        try:
            await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if self._is_slow:
                STREAM_CUT.labels("slow").inc()
                raise AnswerCut
            if reading.done():
                reading.result()
        finally:
            self._watching.cancel()
            reading.cancel()
            leaving.cancel()
            await asyncio.gather(reading, leaving, return_exceptions=True)
            STREAM_READERS.dec()

    async def _read(self, send: Send) -> None:
        loop = asyncio.get_running_loop()

        async def deliver(chunk: bytes) -> None:
            # The server writes at once unless the reader's buffers are full, so only a reader that stopped waits here.
            self._sending_since = loop.time()
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            self._sending_since = None

        shared = self._streams
        await Reader(shared.ring, shared.stream, self._wanted, self._position, deliver).run(shared.draining)
        self._sending_since = loop.time()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _watch(self, reading: asyncio.Future[None]) -> None:
        """Look now and then whether one chunk is under way for too long: a time-out around each costs as much as it."""
        loop = asyncio.get_running_loop()
        limit = self._streams.slow_seconds
        since = self._sending_since
        if since is not None and loop.time() - since >= limit:
            self._is_slow = True
            reading.cancel()
            return
        due = limit / LOOKS if since is None else min(limit / LOOKS, since + limit - loop.time())
        self._watching = loop.call_later(max(due, 0.01), self._watch, reading)


async def left(receive: Receive) -> None:
    """Returns when the client is gone."""
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            return


def position_of(request: Request) -> int | None:
    """Where the reader resumes: the header Last-Event-ID, else `after`; None for the live end.

    Raises InvalidInput naming the one that is no offset.
    """
    for field, text in (
        ("Last-Event-ID", request.headers.get("last-event-id")),
        ("after", request.query_params.get("after")),
    ):
        if text is None or text == "":
            continue
        if not _OFFSET.fullmatch(text) or int(text) > LARGEST_OFFSET:
            raise InvalidInput("must be an offset of the stream: a whole number, or -1 for its beginning", field=field)
        return int(text)
    return None


def open_stream(request: Request, streams: Streams) -> StreamResponse:
    """The answer for one request. Raises InvalidInput."""
    query = request.query_params
    for name in query:
        if name not in ("type", "jurisdiction", "after"):
            raise InvalidInput("there is no such query parameter", code="unknown_field", field=name)
    wanted = parse_filter(query.getlist("type"), query.get("jurisdiction", ""))
    return StreamResponse(streams, wanted, position_of(request))
