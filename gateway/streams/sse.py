"""`GET /v1/stream`: the HTTP side of the event stream (server-sent events, WHATWG HTML section 9.2)."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from chassis.actor import Actor
from gateway.routes.edge import AnswerCut
from gateway.security.proxies import CERTIFICATE
from gateway.security.token import Authority
from gateway.streams.asking import asked
from gateway.streams.ending import StillThere, credential
from gateway.streams.filters import Filter
from gateway.streams.session import Session, Streams, TooSlow
from gateway.streams.wire import ServerSent, Wire

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class StreamResponse:
    """The answer to one reader; lasts until the reader leaves, is cut for not reading, or the gateway drains."""

    def __init__(
        self, streams: Streams, wanted: Filter, position: int | None, wire: Wire, still_there: StillThere
    ) -> None:
        self._streams = streams
        self._still_there = still_there
        self._wanted = wanted
        self._position = position
        self._wire = wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the reader. Raises AnswerCut when it takes longer than the limit to accept one chunk."""
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return

        async def put(chunk: bytes) -> None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

        try:
            session = Session(self._streams, self._wanted, self._position, self._wire, put, self._still_there)
            ended = await session.run(left(receive))
        except TooSlow:
            raise AnswerCut from None
        if ended:
            await self._finish(send)

    async def _finish(self, send: Send) -> None:
        """The end of the answer, which a reader that takes nothing any more does not hold up."""
        try:
            async with asyncio.timeout(self._streams.slow_seconds):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            raise AnswerCut from None


async def left(receive: Receive) -> None:
    """Returns when the client is gone."""
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            return


def open_stream(request: Request, streams: Streams, actor: Actor, authority: Authority) -> StreamResponse:
    """The answer for one request. Raises InvalidInput, Forbidden."""
    wanted, place, marks = asked(request, streams.sealer, actor)
    still_there = credential(authority, request.headers.get("authorization"), request.scope.get(CERTIFICATE), actor)
    return StreamResponse(streams, wanted, place.position, ServerSent(marks), still_there)
