"""An export: page after page from dispatch to one reader, never more than one page of it in memory.

Nothing is held open in dispatch between two pages. The next page is asked for when the reader has taken the one before,
so a slow reader slows itself; one that takes nothing for `slow_seconds` is cut off. Whatever goes wrong after
the first byte ends the connection without the last chunk of HTTP, so that half an export never looks like a whole one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from chassis.errors import ServiceError
from chassis.logs import get_logger
from gateway.metrics import EXPORT_CUT, EXPORT_ROWS
from gateway.routes.edge import AnswerCut
from gateway.streams.rows import Form
from gateway.streams.sse import left

FIRST_ROWS = 20
"""A first page that is quickly found: the first byte does not wait for 200 incidents."""
CHUNK_BYTES = 32 * 1024
"""Small beside a connection's buffers: who reads at all takes one within any reasonable limit."""

Page = dict[str, Any]
NextPage = Callable[[str], Awaitable[Page]]
log = get_logger()


class ExportResponse:
    """The answer to one reader, its first page found already: what is refused was refused before."""

    def __init__(
        self, first: Page, next_page: NextPage, form: Form, *, slow_seconds: float, draining: asyncio.Event
    ) -> None:
        self._first = first
        self._next_page = next_page
        self._form = form
        self._slow_seconds = slow_seconds
        self._draining = draining
        self._written = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the export. Raises AnswerCut, or ClientDisconnect when the reader has left."""
        await send({"type": "http.response.start", "status": 200, "headers": self._headers()})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        leaving = asyncio.ensure_future(left(receive))
        try:
            await self._write(send, leaving)
        finally:
            leaving.cancel()
            EXPORT_ROWS.inc(self._written)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        name = f'attachment; filename="incidents.{self._form.extension}"'
        return [
            (b"content-type", self._form.content_type.encode()),
            (b"content-disposition", name.encode()),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]

    async def _write(self, send: Send, leaving: asyncio.Future[None]) -> None:
        page, pending = self._first, self._form.head()
        while True:
            for chunk in self._chunks(page["incidents"], pending):
                await self._send(send, chunk)
            pending = b""
            if leaving.done():
                raise ClientDisconnect
            cursor = page["next_cursor"]
            if cursor is None:
                break
            if self._draining.is_set():
                # It may have an hour to go, and a gateway that is being replaced has seconds.
                raise self._cut("draining")
            page = await self._following(cursor)
        await self._send(send, self._form.tail(self._written))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _chunks(self, incidents: list[dict[str, Any]], begun: bytes) -> Iterable[bytes]:
        chunk = bytearray(begun)
        for row in self._form.rows(incidents):
            chunk += row
            self._written += 1
            if len(chunk) >= CHUNK_BYTES:
                yield bytes(chunk)
                chunk.clear()
        if chunk:
            yield bytes(chunk)

    async def _send(self, send: Send, chunk: bytes) -> None:
        try:
            async with asyncio.timeout(self._slow_seconds):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except TimeoutError:
            raise self._cut("slow") from None

    async def _following(self, cursor: str) -> Page:
        try:
            return await self._next_page(cursor)
        except ServiceError as error:
            raise self._cut("service", code=error.code) from error

    def _cut(self, reason: str, **more: str) -> AnswerCut:
        EXPORT_CUT.labels(reason).inc()
        log.warning("export cut off", reason=reason, incidents=self._written, **more)
        return AnswerCut(reason)
