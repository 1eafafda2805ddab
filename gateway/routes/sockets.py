"""What happens to every WebSocket, whatever its path: an id, an answer in HTTP when it is refused, a log line."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from chassis.errors import Internal, ServiceError
from chassis.logs import get_logger
from gateway.routes.hardening import hardened
from gateway.routes.problems import problem_response

SWITCHING = 101
log = get_logger()


async def serve_socket(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, *, request_id: str, route: str, client: str
) -> None:
    """Run one WebSocket; `route` and `client` are where in the scope its path's template and its caller stand.

    An error before the handshake becomes an HTTP answer with its problem; one after it ends the connection (1011).
    """
    answer, started = _Handshake(send), time.perf_counter()
    with bound_contextvars(request_id=request_id):
        try:
            await app(scope, receive, answer.send)
        except ServiceError as error:
            await answer.refuse(error, request_id)
        except Exception:
            log.exception("websocket failed", route=scope.get(route))
            await answer.refuse(Internal("it could not be served; the log has the reason"), request_id)
        finally:
            log.info(
                "websocket", request_id=request_id, route=scope.get(route, "unmatched"), status=answer.status,
                client=scope.get(client), duration_ms=round((time.perf_counter() - started) * 1000, 2),
            )  # fmt: skip


class _Handshake:
    """Passes messages on and knows what the handshake was answered with; 0 before that."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "websocket.accept":
            self.status = SWITCHING
        await self._send(message)

    async def refuse(self, error: ServiceError, request_id: str) -> None:
        if self.status == SWITCHING:
            await self._send({"type": "websocket.close", "code": 1011, "reason": error.code})
            return
        self.status = error.status
        response = problem_response(error, request_id)
        headers = hardened([*response.raw_headers, (b"x-request-id", request_id.encode())])
        await self._send({"type": "websocket.http.response.start", "status": error.status, "headers": headers})
        await self._send({"type": "websocket.http.response.body", "body": bytes(response.body), "more_body": False})
