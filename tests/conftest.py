"""Fixtures every test may use: a real PostgreSQL and a real RabbitMQ, started when the first test asks for them.

`DATABASE_URL` and `AMQP_URL` in the environment name servers to use instead of private ones; they must be
administrators' URLs, because tests make databases, roles and vhosts there (and drop them).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from cli.stack.broker import BrokerNode, control
from tests.support.databases import DatabaseFactory
from tests.support.eventually import eventually as wait_until
from tests.support.servers import private_broker, private_postgres
from tests.support.vhosts import VhostFactory

SYSTEM_BROKER_HOME = "/var/lib/rabbitmq"  # where Debian keeps the cookie of a broker named by AMQP_URL


def pytest_collection_finish() -> None:
    """A test that imports the entrypoint of a service has monkey-patched everybody's threads: they would then hang."""
    if socket.socket.__module__ != "socket":
        raise pytest.UsageError(f"a test module has patched this process: socket is {socket.socket.__module__}'s")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Superuser's URL of a PostgreSQL server with PostGIS available."""
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    with private_postgres() as cluster:
        yield cluster.url


@pytest.fixture(scope="session")
def broker_node() -> Iterator[BrokerNode | None]:
    """The private RabbitMQ node of this session; None when AMQP_URL names another."""
    if os.environ.get("AMQP_URL"):
        yield None
        return
    with private_broker() as node:
        yield node


@pytest.fixture(scope="session")
def amqp_url(broker_node: BrokerNode | None) -> str:
    """Administrator's URL of a RabbitMQ node; its vhost is shared by the whole session: prefer `new_vhost`."""
    return os.environ["AMQP_URL"] if broker_node is None else broker_node.url()


@pytest.fixture(scope="session")
def broker_control(broker_node: BrokerNode | None) -> Callable[..., str]:
    """Runs one rabbitmqctl command against the broker of this session and returns what it printed."""
    if broker_node is not None:
        return broker_node.control
    home = SYSTEM_BROKER_HOME if Path(SYSTEM_BROKER_HOME).exists() else os.environ.get("HOME", "/")
    return partial(control, environment={**os.environ, "HOME": home})


@pytest.fixture(scope="session")
def new_database(postgres_url: str) -> Iterator[DatabaseFactory]:
    """Factory: `new_database("dispatch", role="dispatch", extensions=["postgis"])` gives a fresh database's URL."""
    factory = DatabaseFactory(postgres_url)
    yield factory
    if os.environ.get("DATABASE_URL"):  # a private cluster goes away as a whole
        factory.drop_all()


@pytest.fixture(scope="session")
def new_vhost(amqp_url: str, broker_control: Callable[..., str]) -> Iterator[VhostFactory]:
    """Factory: `new_vhost()` gives the URL of a fresh, empty vhost."""
    factory = VhostFactory(amqp_url, broker_control)
    yield factory
    if os.environ.get("AMQP_URL"):
        factory.delete_all()


@pytest.fixture
def eventually() -> Callable[..., object]:
    """`eventually(condition, within=5.0)`: the first true answer of `condition`, or AssertionError."""
    return wait_until
