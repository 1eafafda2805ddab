"""One HTTP connection, with limits before any of our code sees a request: on the head's size and on everybody's time.

uvicorn on httptools has neither: a head may grow without end, and a client that sends a byte now and then keeps its
place for ever. What is refused here gets a problem document like any other.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from chassis.errors import MalformedRequest, ServiceError
from chassis.ids import uuid7
from gateway.metrics import CONNECTION_REFUSED
from gateway.routes.edge import REQUEST_ID_HEADER
from gateway.routes.hardening import hardened
from gateway.routes.problems import HeadTooLarge, RequestTimeout, UriTooLong, problem_response

URL_BYTES = 8 * 1024
HEAD_BYTES = 32 * 1024
LINGER_SECONDS = 3.0
"""How long a connection that is being ended is still read (else the answer is lost to a reset) or written."""
_LINE = len(b": \r\n")


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds until the head of a request must be whole, counted from the connection or from its first byte."""

    head_seconds: float


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with `limits`; made by `protocol_with`, because uvicorn itself makes the instances."""

    limits = Limits(10.0)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._in_message = self._in_head = self._deaf = False
        self._head_bytes = self._unfinished_bytes = 0
        self._refusal: ServiceError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        for name in list(self._timers):
            self._disarm(name)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        in_head = self._in_head
        if not self._in_message:
            # Also for line ends before a request, which the parser passes over.
            self._await_head()
        super().data_received(data)
        if in_head and self._in_head:
            self._unfinished_bytes += len(data)
            if self._unfinished_bytes > HEAD_BYTES:
                self._refuse(HeadTooLarge(f"the head may have {HEAD_BYTES} bytes", limit_bytes=HEAD_BYTES))

    def on_message_begin(self) -> None:
        self._in_message = self._in_head = True
        self._head_bytes = self._unfinished_bytes = 0
        self._await_head()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > URL_BYTES:
            self._stop_parsing(UriTooLong(f"the address may have {URL_BYTES} bytes", limit_bytes=URL_BYTES))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value) + _LINE
        if self._head_bytes > HEAD_BYTES:
            self._stop_parsing(HeadTooLarge(f"the head may have {HEAD_BYTES} bytes", limit_bytes=HEAD_BYTES))

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._disarm("head")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_message = False
        self._disarm("rest")
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_message and not self.transport.is_closing():
            # Answered before the body was there (no token, too large): the rest has this long to come and be dropped.
            self._arm("rest", LINGER_SECONDS, self.transport.close)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._arm("stuck", LINGER_SECONDS, self._abort_if_closing)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._disarm("stuck")

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when the parser gave up, or one of the methods above made it."""
        self._refuse(self._refusal or MalformedRequest("this is not HTTP"))

    def _stop_parsing(self, refusal: ServiceError) -> None:
        self._refusal = refusal
        raise refusal

    def _await_head(self) -> None:
        if "head" not in self._timers:
            self._arm("head", self.limits.head_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        self._disarm("head")
        if self._in_head:
            self._refuse(RequestTimeout("the head of the request took too long"))
        elif not self._answering:
            self.transport.close()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, refusal: ServiceError) -> None:
        if self._deaf or self.transport.is_closing():
            return
        CONNECTION_REFUSED.labels(refusal.code).inc()
        self._deaf = True
        if self._answering:
            # A bad request behind a good one: the answer of that one is not to be broken by ours.
            self.cycle.keep_alive = False
            return
        request_id = str(uuid7())
        answer = problem_response(refusal, request_id)
        answer.headers[REQUEST_ID_HEADER.decode()] = request_id
        lines = [STATUS_LINE[refusal.status]]
        answer.headers["Connection"] = "close"
        for name, value in (*self.server_state.default_headers, *hardened(answer.raw_headers)):
            lines += [name, b": ", value, b"\r\n"]
        self.transport.write(b"".join([*lines, b"\r\n", bytes(answer.body)]))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._arm("refused", LINGER_SECONDS, self.transport.abort)

    def _abort_if_closing(self) -> None:
        """A cut-off reader that takes nothing would keep its socket and what is buffered for it."""
        if self.transport.is_closing():
            self.transport.abort()
        else:
            self._arm("stuck", LINGER_SECONDS, self._abort_if_closing)

    def _arm(self, name: str, seconds: float, action: Any) -> None:
        self._disarm(name)
        self._timers[name] = self.loop.call_later(seconds, action)

    def _disarm(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


def protocol_with(limits: Limits) -> type[LimitedProtocol]:
    """The protocol class with these limits."""
    return type("LimitedProtocol", (LimitedProtocol,), {"limits": limits})
