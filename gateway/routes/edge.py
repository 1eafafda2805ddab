"""What happens to every request, whatever its path.

An id, a trace, a last resort for errors, a metric and a log line.
"""

from __future__ import annotations

import re
import time
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from chassis.errors import Internal, ServiceError
from chassis.ids import uuid7
from chassis.logs import get_logger
from chassis.tracing import span
from gateway.metrics import HTTP_SECONDS
from gateway.routes.hardening import hardened, timed
from gateway.routes.problems import problem_response
from gateway.routes.sockets import serve_socket

REQUEST_ID_HEADER = b"x-request-id"
REQUEST_ID = "wangge.request_id"
ROUTE = "wangge.route"
CLIENT = "wangge.client"
KEY = "wangge.idempotency_key"
RATE_HEADERS = "wangge.rate_headers"
"""Headers that say how often the caller may call."""
UNMATCHED = "unmatched"
LONG_BODIES = frozenset({"/v1/feed"})
"""Routes whose body is a stream that may be silent for as long as it likes."""
QUIET = frozenset({"/live", "/ready", "/metrics"})
CLIENT_CLOSED_REQUEST = 499

_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
log = get_logger()


class AnswerCut(Exception):
    """An answer is ended midway on purpose: its reader does not read, or the rest cannot be had.

    Without its end the reader sees that it is cut off; one of the event stream resumes from the last id it has.
    """


class Edge:
    """ASGI middleware around the router."""

    def __init__(self, app: ASGIApp, body_seconds: float) -> None:
        self._app = app
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request.

        Errors before the answer has begun become problem documents; later ones end the connection.
        """
        if scope["type"] == "websocket":
            scope[REQUEST_ID] = request_id = str(uuid7())
            await serve_socket(self._app, scope, receive, send, request_id=request_id, route=ROUTE, client=CLIENT)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[REQUEST_ID] = request_id = _request_id(scope)
        answer = _Answer(send, scope)
        started = time.perf_counter()
        try:
            with bound_contextvars(request_id=request_id), _trace(scope):
                await self._run(scope, timed(scope, receive, self._body_seconds, LONG_BODIES, ROUTE), answer)
        finally:
            _account(scope, answer.status, time.perf_counter() - started)

    async def _run(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            await self._app(scope, receive, answer.send)
            return
        except ClientDisconnect:
            answer.status = CLIENT_CLOSED_REQUEST
            return
        except AnswerCut:
            raise
        except ServiceError as error:
            failure = error
        except Exception:
            log.exception("request failed", route=scope.get(ROUTE, UNMATCHED))
            failure = Internal("the request could not be served; the log has the reason under this request id")
        if answer.begun:
            # A half-sent answer cannot turn into a problem; without its end the caller sees that it is cut off.
            raise failure
        response = problem_response(failure, answer.request_id)
        await response(scope, receive, answer.send)


class _Answer:
    """Passes the answer on with the house's headers, the request id and the key (an error needs these two most)."""

    def __init__(self, send: Send, scope: Scope) -> None:
        self._send = send
        self._scope = scope
        self.request_id: str = scope[REQUEST_ID]
        self.status = 500
        self.begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self.status = message["status"]
            headers = [*message.get("headers", []), (REQUEST_ID_HEADER, self.request_id.encode())]
            if KEY in self._scope:
                headers.append((b"idempotency-key", self._scope[KEY].encode()))
            headers.extend(self._scope.get(RATE_HEADERS, ()))
            message["headers"] = hardened(headers)
        await self._send(message)


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of that lower-case name."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return None


def _request_id(scope: Scope) -> str:
    given = header(scope, REQUEST_ID_HEADER)
    return given if given and _ACCEPTABLE_ID.fullmatch(given) else str(uuid7())


def _trace(scope: Scope) -> Any:
    return span(f"HTTP {scope['method']}", "server", parent=header(scope, b"traceparent"))


def _account(scope: Scope, status: int, seconds: float) -> None:
    """Count and log. The template stands for the path and the query is left out: both may name a person's affairs."""
    route = scope.get(ROUTE, UNMATCHED)
    HTTP_SECONDS.labels(scope["method"] if route != UNMATCHED else "any", route, str(status)).observe(seconds)
    level = log.debug if route in QUIET else log.info
    level(
        "request",
        request_id=scope[REQUEST_ID],
        method=scope["method"],
        route=route,
        status=status,
        duration_ms=round(seconds * 1000, 2),
        client=scope.get(CLIENT),
    )
