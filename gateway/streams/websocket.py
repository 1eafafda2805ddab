"""`/v1/stream` as a WebSocket (RFC 6455): the same events, marks, filters and beats as the server-sent ones.

The token comes in the Authorization header or, from a browser, as a subprotocol `bearer.<token>` beside
`wangge.events.v1`: never in the address, which ends up in logs. A page of another origin is refused.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send

from chassis.actor import NOBODY, Actor
from chassis.errors import Forbidden, ServiceError, Unauthorised
from gateway.metrics import STREAM_CUT
from gateway.routes.deciding import refuse_unless_held
from gateway.routes.edge import CLIENT, REQUEST_ID, ROUTE
from gateway.routes.serving import Serving
from gateway.security.proxies import CERTIFICATE
from gateway.streams.asking import asked
from gateway.streams.ending import SHUTDOWN, credential
from gateway.streams.session import Session, TooSlow
from gateway.streams.wire import Messages

PATH, PERMISSION = "/v1/stream", "stream.read"
SUBPROTOCOL = "wangge.events.v1"
BEARER = "bearer."
ASKED = f"WebSocket {PATH}"
GOING_AWAY, CREDENTIAL, TOO_SLOW = 1001, 4401, 4408
"""Close codes (RFC 6455, section 7.4): after each a reader resumes with the last id it has, after 4401 with a token."""


class EventSocket:
    """ASGI: one WebSocket, from its handshake to its end."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one reader. Raises Unauthorised, Forbidden, InvalidInput before the handshake is answered."""
        scope[ROUTE] = PATH
        connection = HTTPConnection(scope)
        streams, actor = self._serving.streams, NOBODY
        authority, shown, certificate = self._serving.authority, credentials(connection), scope.get(CERTIFICATE)
        try:
            refuse_other_origins(connection)
            actor = await self._known(connection, shown, certificate)
            scope[CLIENT] = actor.client
            refuse_unless_held(actor, PERMISSION)
            await self._serving.rates.admit("stream", actor, connection)
            wanted, place, marks = asked(connection, streams.sealer, actor)
        except ServiceError as error:
            self._serving.denials.note(ASKED, actor, error, scope.get(REQUEST_ID))
            raise
        await send({"type": "websocket.accept", "subprotocol": chosen(scope), "headers": []})

        async def put(message: bytes) -> None:
            await send({"type": "websocket.send", "text": message.decode()})

        still_there = credential(authority, shown, certificate, actor)
        session = Session(streams, wanted, place.position, Messages(marks), put, still_there)
        try:
            if await session.run(left(receive)):
                reason = session.ending.reason
                code = GOING_AWAY if reason == SHUTDOWN else CREDENTIAL
                await send({"type": "websocket.close", "code": code, "reason": reason})
        except TooSlow:
            await send({"type": "websocket.close", "code": TOO_SLOW, "reason": "slow"})

    async def _known(self, connection: HTTPConnection, shown: str | None, certificate: str | None) -> Actor:
        try:
            return await self._serving.authority.recognise(shown, certificate)
        except Unauthorised:
            await self._serving.rates.admit("denied", NOBODY, connection)
            raise


async def left(receive: Receive) -> None:
    """Returns when the client is gone. What it says before that is not listened to."""
    while True:
        message: Message = await receive()
        if message["type"] == "websocket.disconnect":
            return


def credentials(connection: HTTPConnection) -> str | None:
    """The Authorization header, or what a browser, which cannot set it, says as a subprotocol."""
    header = connection.headers.get("authorization")
    if header is not None:
        return header
    offered: list[str] = connection.scope.get("subprotocols", [])
    token = next((each.removeprefix(BEARER) for each in offered if each.startswith(BEARER)), None)
    return None if token is None else f"Bearer {token}"


def chosen(scope: Scope) -> str | None:
    """The subprotocol of the answer: never the one that holds a token."""
    return SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", []) else None


def refuse_other_origins(connection: HTTPConnection) -> None:
    """A browser names the page that opens a WebSocket, and asks nobody. Raises Forbidden for one that is not ours."""
    origin = connection.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != connection.headers.get("host"):
        STREAM_CUT.labels("origin").inc()
        raise Forbidden("a page of another origin may not read here", code="other_origin", field="Origin")
