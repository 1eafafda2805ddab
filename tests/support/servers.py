"""Private servers of one test session, started by the same code as `wangge up`."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.stack import packages, ports, process
from cli.stack.broker import BrokerNode
from cli.stack.postgres import PostgresCluster, account, owner_of
from tests.support.eventually import eventually

# Tests drop their data; what a power cut would lose does not matter here, and it is five times as fast.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@contextmanager
def session_directory() -> Iterator[Path]:
    """A directory that PostgreSQL's account may enter, removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="wangge-tests-"))
    if (user := account()) is not None:
        os.chown(directory, *owner_of(user))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def private_postgres() -> Iterator[PostgresCluster]:
    """A running cluster of this session's own."""
    packages.ensure_installed(print)
    with session_directory() as at:
        port = ports.choose(["postgres"], seed=str(at))["postgres"]
        cluster = PostgresCluster(
            data=at / "data", port=port, password=secrets.token_hex(8), log=at / "postgres.log", options=FORGETFUL
        )
        identity = cluster.start()
        try:
            eventually(cluster.answers, within=30)
            yield cluster
        finally:
            cluster.stop(identity)


@contextmanager
def private_broker() -> Iterator[BrokerNode]:
    """A running RabbitMQ node of this session's own."""
    packages.ensure_installed(print)
    with session_directory() as at:
        chosen = ports.choose(["amqp", "distribution", "epmd"], seed=str(at))
        node = BrokerNode(
            directory=at / "broker",
            name=f"wangge-tests-{at.name[-8:]}",
            port=chosen["amqp"],
            distribution_port=chosen["distribution"],
            epmd_port=chosen["epmd"],
            password=secrets.token_hex(8),
            log=at / "broker.log",
        )
        epmd = node.start_epmd()
        try:
            eventually(node.epmd_answers)
            identity = node.start()
            try:
                eventually(node.answers, within=60, every=0.1)
                yield node
            finally:
                node.stop(identity)
        finally:
            process.stop(epmd, within=5)
