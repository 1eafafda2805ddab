"""The servers every bench runs on: private, durable as in the product's stack, ended with the run.

PostgreSQL with the stack's own settings (fsync, full_page_writes and synchronous_commit stay on), RabbitMQ with quorum
queues only. Whatever a bench starts stays in the process group of `make bench`, so that Ctrl-C ends all of it.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg2

from cli.stack import packages, ports
from cli.stack.postgres import PostgresCluster
from tests.support.databases import DatabaseFactory
from tests.support.eventually import eventually
from tests.support.servers import private_broker, session_directory
from tests.support.vhosts import VhostFactory

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / ".run" / "bench"
OURS = sys.executable
PEERS = str(ROOT / ".venv-bench" / "bin" / "python")


@dataclass
class Bed:
    """What a bench may ask for: a fresh database, a fresh vhost, a process."""

    database: DatabaseFactory
    vhost: VhostFactory
    folder: Path
    _ending: ExitStack = field(default_factory=ExitStack)

    def start(
        self, python: str, arguments: Sequence[str], environment: Mapping[str, str], *, name: str
    ) -> subprocess.Popen[bytes]:
        """A child in our process group, its output in .run/bench/logs; terminated at the end of the bench."""
        log = OUTPUT / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            full = {**os.environ, **environment, "PYTHONWARNINGS": "ignore", "PYTHONPATH": str(ROOT)}
            child = subprocess.Popen([python, *arguments], env=full, cwd=ROOT, stdout=out, stderr=out)
        self._ending.callback(end, child)
        return child

    @contextmanager
    def one_bench(self) -> Iterator[Bed]:
        """What one bench started ends before the next begins."""
        with ExitStack() as self._ending:
            yield self


def tree(child: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The child and everything it has started."""
    try:
        top = psutil.Process(child.pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end(child: subprocess.Popen[bytes]) -> None:
    """Terminate it, and kill what is left of its tree after 10 s."""
    family = tree(child)
    if child.poll() is None:
        child.send_signal(signal.SIGCONT)
        child.terminate()
    _gone, left = psutil.wait_procs(family, timeout=10)
    for process in left:
        process.kill()
    child.wait(10)


@contextmanager
def bed() -> Iterator[Bed]:
    """Private servers for one run of `make bench`."""
    packages.ensure_installed(print)
    with durable_postgres() as cluster, private_broker() as node, session_directory() as folder:
        yield Bed(DatabaseFactory(cluster.url), VhostFactory(node.url(), node.control), folder)


@contextmanager
def durable_postgres() -> Iterator[PostgresCluster]:
    """A cluster with exactly the settings of `wangge up`; refused when anything made it less than durable."""
    with session_directory() as at:
        port = ports.choose(["postgres"], seed=str(at))["postgres"]
        cluster = PostgresCluster(at / "data", port, secrets.token_hex(8), at / "postgres.log")
        identity = cluster.start()
        try:
            eventually(cluster.answers, within=30)
            assert durability(cluster.url) == {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
            yield cluster
        finally:
            cluster.stop(identity)


def durability(url: str) -> dict[str, str]:
    """The server's settings that decide whether a commit survives a power cut."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)",
                (["fsync", "synchronous_commit", "full_page_writes"],),
            )
            return dict(cursor.fetchall())
    finally:
        connection.close()
