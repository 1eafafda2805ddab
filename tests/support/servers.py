"""Private servers of one test session, started by the same code as `wangge up`."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from cli.stack import packages, ports, process
from cli.stack.broker import BrokerNode
from cli.stack.postgres import PostgresCluster, account, owner_of
from tests.support.eventually import eventually

# Tests drop their data; what a power cut would lose does not matter here, and it is five times as fast.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of our own is made in it)
ROOM = 6 * 2**30
"""Bytes: some three times what a whole session's databases were seen to need."""


def memory() -> Path | None:
    """Where files are kept in memory, if there is plenty: removing what a session made takes minutes on some disks."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM or psutil.virtual_memory().available < 2 * ROOM:
        return None
    return MEMORY


@contextmanager
def session_directory(within: Path | None = None) -> Iterator[Path]:
    """A directory that PostgreSQL's account may enter, removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="wangge-tests-", dir=within))
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
    with session_directory(memory()) as at:
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
