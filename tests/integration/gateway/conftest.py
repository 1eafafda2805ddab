"""A gateway per module on its own vhost, with two responders behind it; and the parts to build one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.gateway.county_accounts import CountyAccounts
from tests.integration.gateway.responder import Responder, accepting
from tests.integration.gateway.running import GatewayProcess
from tests.integration.gateway.stream import SMALL_RING, EventSource
from tests.support.databases import DatabaseFactory
from tests.support.vhosts import VhostFactory


@pytest.fixture(scope="module")
def vhost(new_vhost: VhostFactory) -> str:
    """URL of a vhost of this module's own."""
    return new_vhost()


@pytest.fixture(scope="module")
def dispatch(vhost: str) -> Iterator[Responder]:
    """What stands where dispatch will: it accepts everything unless a test gives it another handler."""
    with Responder(vhost, "dispatch", accepting) as responder:
        yield responder


@pytest.fixture(scope="module")
def registry(vhost: str) -> Iterator[Responder]:
    """What stands where registry will."""
    with Responder(vhost, "registry", accepting) as responder:
        yield responder


@pytest.fixture(scope="module")
def gateway(vhost: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A running gateway."""
    log = tmp_path_factory.mktemp("gateway") / "gateway.log"
    with GatewayProcess(
        vhost, log, WANGGE_READ_SECONDS="1.5", WANGGE_COMMAND_SECONDS="1.5", WANGGE_FEED_PATIENCE_SECONDS="3"
    ) as process:
        yield process


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[httpx.Client]:
    """A client of the module's gateway, with the token."""
    with gateway.client() as client:
        yield client


@pytest.fixture
def fresh(dispatch: Responder) -> Iterator[Responder]:
    """Dispatch with nothing seen, and its usual handler again afterwards."""
    dispatch.seen.clear()
    yield dispatch
    dispatch.handler = accepting


@pytest.fixture
def new_gateway(tmp_path: Path) -> Iterator[Callable[..., GatewayProcess]]:
    """Starts gateways of a test's own; ends them after it."""
    started: list[GatewayProcess] = []

    def start(amqp_url: str, **environment: str) -> GatewayProcess:
        process = GatewayProcess(amqp_url, tmp_path / f"gateway-{len(started)}.log", **environment)
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.__exit__(None, None, None)


@pytest.fixture(scope="module")
def source(vhost: str) -> EventSource:
    """The module's stream; its events' numbers are their offsets. A test begins at `source.written`."""
    made = EventSource(vhost)
    made.declare()
    return made


@pytest.fixture(scope="module")
def running(vhost: str, source: EventSource, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway whose ring holds so little that readers live between ring and broker."""
    with GatewayProcess(vhost, tmp_path_factory.mktemp("stream") / "gateway.log", **SMALL_RING) as process:
        yield process


@pytest.fixture
def own(new_vhost: VhostFactory) -> EventSource:
    """A stream of the test's own, empty."""
    made = EventSource(new_vhost())
    made.declare()
    return made


@pytest.fixture
def http(running: GatewayProcess) -> Iterator[httpx.Client]:
    with running.client(timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def county(new_database: DatabaseFactory) -> CountyAccounts:
    return CountyAccounts(new_database("gateway", role="gateway"))


@pytest.fixture(scope="module")
def pair(
    vhost: str, dispatch: Responder, county: CountyAccounts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[GatewayProcess, GatewayProcess]]:
    """Two gateways behind one (imagined) balancer."""
    at = tmp_path_factory.mktemp("pair")
    environment = {"DATABASE_URL": county.url, "WANGGE_TRUSTED_PROXIES": "127.0.0.0/8"}
    with (
        GatewayProcess(vhost, at / "one.log", **environment) as one,
        GatewayProcess(vhost, at / "two.log", **environment) as two,
    ):
        yield one, two


@pytest.fixture
def one(pair: tuple[GatewayProcess, GatewayProcess]) -> GatewayProcess:
    return pair[0]
