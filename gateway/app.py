"""The ASGI application: the route table on Starlette's router, inside the edge."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route as StarletteRoute
from starlette.routing import Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.assertions import Assertions
from chassis.logs import get_logger
from chassis.vault import parse_master_keys
from gateway.accounts.setting_up import accounts_of
from gateway.denials import Denials
from gateway.journal import metrics as journal_metrics
from gateway.journal.delivery import Delivery
from gateway.journal.intake import Intake, Patience
from gateway.journal.journal import Journal
from gateway.journal.tracking import Tracking
from gateway.routes.edge import Edge
from gateway.routes.endpoint import PathEndpoint
from gateway.routes.index import ROUTES
from gateway.routes.problems import UnknownPath
from gateway.routes.serving import Serving
from gateway.routes.table import Route
from gateway.rpc import Calls, RpcClient
from gateway.security.proxies import TrustedProxies
from gateway.security.recognition import Recognition, trusted
from gateway.security.token import DevelopmentToken
from gateway.settings import GatewaySettings
from gateway.standards.docs import page
from gateway.standards.openapi import document_bytes
from gateway.streams import websocket
from gateway.streams.broker_stream import BrokerStream
from gateway.streams.marks import Sealer
from gateway.streams.ring import Ring
from gateway.streams.session import Streams
from gateway.streams.websocket import EventSocket
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
        assertions = Assertions(settings.actor_key)
        self._rpc = RpcClient(settings.amqp_url, assertions)
        self.draining = asyncio.Event()
        self._ring = ring
        sealer = Sealer(parse_master_keys(settings.key).keys)
        streams = Streams(ring, self._stream, self.draining, settings.stream_slow_seconds, sealer)
        self._accounts = accounts_of(settings, settings.agency)
        authority = Recognition(DevelopmentToken(settings.token), trusted(settings.issuers), self._accounts)
        commands = Together(self._rpc, assertions)
        self._assertions = assertions
        self._journal = opened(settings)
        # Its calls carry nothing else, and dispatch lets them wait for nothing else.
        self._intake = intake_of(settings, self._journal, Together(self._rpc, assertions), self._rpc)
        self._denials = Denials(self._rpc)
        self.serving = Serving(
            settings, self._rpc, commands, self._intake, authority, self._accounts, settings.rates(), streams,
            self._denials, ServedDocuments(),
        )  # fmt: skip
        edge = Edge(self._router(), settings.body_seconds)
        self.app: ASGIApp = TrustedProxies(edge, settings.proxies, settings.certificate_header)

    def drain(self) -> None:
        """Become unready and let every stream end; requests in flight finish."""
        self.draining.set()
        self._ring.wake()

    def _router(self) -> ASGIApp:
        return Router(
            routes=[
                *(StarletteRoute(path, PathEndpoint(routes, self.serving)) for path, routes in by_path(ROUTES)),
                WebSocketRoute(websocket.PATH, EventSocket(self.serving)),
            ],
            redirect_slashes=False,
            default=unknown_path,
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self._rpc.start()
        self._stream.start()
        self._denials.start()
        self.serving.rates.start()
        if self._accounts is not None:
            self._accounts.start()
        async with delivering(self._intake, self._journal, self._rpc, self._assertions):
            yield
        if self._accounts is not None:
            await self._accounts.stop()
        await self._denials.stop()
        await self.serving.rates.stop()
        await asyncio.gather(self._rpc.stop(), self._stream.stop())


def opened(settings: GatewaySettings) -> Journal | None:
    """The journal of the settings, None without a folder. Raises JournalInUse, OSError."""
    if not settings.journal:
        return None
    return Journal(Path(settings.journal), settings.vault(), settings.journal_bytes)


def intake_of(settings: GatewaySettings, journal: Journal | None, commands: Together, rpc: RpcClient) -> Intake:
    """How calls are taken in, with its gauges."""
    tracking = Tracking(parse_master_keys(settings.key).keys)
    patience = Patience(settings.intake_seconds, settings.journal_hours * 3600)
    intake = Intake(journal, commands, tracking, patience, lambda: rpc.ready)
    journal_metrics.WAITING.set_function(lambda: len(intake.backlog))
    journal_metrics.OLDEST_SECONDS.set_function(lambda: intake.backlog.oldest_seconds)
    journal_metrics.BYTES.set_function(lambda: 0 if journal is None else journal.size)
    return intake


@asynccontextmanager
async def delivering(
    intake: Intake, journal: Journal | None, calls: Calls, assertions: Assertions
) -> AsyncIterator[None]:
    """What earlier lives took, and what is taken from now on, is delivered while the block lasts."""
    if journal is None:
        yield
        return
    found = intake.recover()
    if found:
        get_logger().info("taken calls found in the journal", waiting=found)
    delivery = Delivery(intake, journal, calls, assertions)
    delivery.start()
    try:
        yield
    finally:
        await delivery.stop()
        journal.close()


def by_path(routes: Sequence[Route]) -> list[tuple[str, list[Route]]]:
    """Routes grouped by template; fixed paths before those with parameters, so that none is hidden."""
    grouped: dict[str, list[Route]] = {}
    for route in routes:
        grouped.setdefault(route.path, []).append(route)
    return sorted(grouped.items(), key=lambda entry: "{" in entry[0])


async def unknown_path(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """What answers when no route has the path. Raises UnknownPath."""
    raise UnknownPath("there is nothing at this path")
