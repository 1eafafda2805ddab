"""The ASGI application: the route table on Starlette's router, inside the edge."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Route as StarletteRoute
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.routes.edge import Edge
from gateway.routes.endpoint import PathEndpoint
from gateway.routes.index import ROUTES
from gateway.routes.problems import UnknownPath
from gateway.routes.serving import Serving
from gateway.routes.table import Route
from gateway.rpc import RpcClient
from gateway.security.token import DevelopmentToken
from gateway.settings import GatewaySettings
from gateway.standards.docs import page
from gateway.standards.openapi import document_bytes
from gateway.streams.broker_stream import BrokerStream
from gateway.streams.ring import Ring
from gateway.streams.sse import Streams
from gateway.together import Together


class ServedDocuments:
    """The API document in both forms, made when first asked for."""

    openapi = staticmethod(functools.cache(document_bytes))
    page = staticmethod(functools.cache(page))


class Gateway:
    """The running gateway: connections, streams and the application that uses them."""

    def __init__(self, settings: GatewaySettings) -> None:
        ring = Ring(settings.stream_ring_events)
        self._stream = BrokerStream(settings.amqp_url, ring)
        self._rpc = RpcClient(settings.amqp_url)
        self.draining = asyncio.Event()
        self._ring = ring
        streams = Streams(ring, self._stream, self.draining, settings.stream_slow_seconds)
        token = DevelopmentToken(settings.token)
        self.serving = Serving(settings, self._rpc, Together(self._rpc), token, streams, ServedDocuments())
        self.app: ASGIApp = Edge(self._router(), settings.body_seconds)

    def drain(self) -> None:
        """Become unready and let every stream end; requests in flight finish."""
        self.draining.set()
        self._ring.wake()

    def _router(self) -> ASGIApp:
        return Router(
            routes=[StarletteRoute(path, PathEndpoint(routes, self.serving)) for path, routes in by_path(ROUTES)],
            redirect_slashes=False,
            default=unknown_path,
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self._rpc.start()
        self._stream.start()
        yield
        await asyncio.gather(self._rpc.stop(), self._stream.stop())


def by_path(routes: Sequence[Route]) -> list[tuple[str, list[Route]]]:
    """Routes grouped by template; fixed paths before those with parameters, so that none is hidden."""
    grouped: dict[str, list[Route]] = {}
    for route in routes:
        grouped.setdefault(route.path, []).append(route)
    return sorted(grouped.items(), key=lambda entry: "{" in entry[0])


async def unknown_path(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """What answers when no route has the path. Raises UnknownPath."""
    raise UnknownPath("there is nothing at this path")
