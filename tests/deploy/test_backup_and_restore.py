"""A cluster is lost with everything in it, and comes back from last night's copy and the archived log: all that was
acknowledged is there, or exactly what was there at a chosen moment.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from cli.stack import ports, process
from cli.stack.packages import ensure_installed, postgres_programs
from cli.stack.postgres import SUPERUSER, PostgresCluster, account, owner_of, with_database
from cli.stack.process import Identity
from services.dispatch import bootstrap
from tests.support.eventually import eventually
from tests.support.servers import session_directory

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "deploy" / "postgres"
pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


class Installation:
    """A cluster with an archive, its backups, and what clients were told was committed."""

    def __init__(self, at: Path) -> None:
        self.at = at
        self.archive = at / "archive"
        self.archive.mkdir()
        self.scripts = at / "scripts"
        shutil.copytree(SCRIPTS, self.scripts)  # the checkout may be in a folder that PostgreSQL's account cannot enter
        for path in (self.archive, self.scripts):
            own(path)
        chosen = ports.choose(["first", "second"], seed=f"{at} restore")
        archive = f"WANGGE_ARCHIVE={self.archive} {self.scripts}/archive %p %f"
        options = {"archive_mode": "on", "archive_command": archive, "wal_level": "replica"}
        self.cluster = PostgresCluster(at / "data", chosen["first"], "secret", at / "postgres.log", options)
        self.second_port = chosen["second"]
        self.identity = start(self.cluster)
        self.acknowledged: list[int] = []

    @property
    def url(self) -> str:
        return with_database(self.cluster.url, "dispatch")

    def run(self, script: str, *arguments: str) -> float:
        """Seconds that a script of ours took, run as PostgreSQL's account."""
        environ = {
            "PATH": f"{postgres_programs()}:{os.environ['PATH']}", "PGHOST": "127.0.0.1", "PGUSER": SUPERUSER,
            "PGPORT": str(self.cluster.port), "PGPASSWORD": self.cluster.password, "LC_ALL": "C.UTF-8",
        }  # fmt: skip
        begun = time.monotonic()
        user = account()
        who = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        done = subprocess.run(
            [self.scripts / script, *arguments],
            cwd=self.at,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            **who,
        )
        assert done.returncode == 0, done.stderr
        return time.monotonic() - begun

    def commit(self, numbers: range) -> None:
        """Outbox rows, each in a transaction of its own; what was acknowledged is remembered."""
        # Not `with connection`: that is one transaction, and only its end would be acknowledged.
        with closing(psycopg2.connect(self.url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for number in numbers:
                    cursor.execute(
                        "INSERT INTO outbox (message_id, exchange, routing_key, order_key, body, content_type)"
                        " VALUES (gen_random_uuid(), 'x', 'y', %s, '', 'z')",
                        (str(number),),
                    )
                    self.acknowledged.append(number)

    def ask(self, statement: str, url: str | None = None) -> list[tuple]:
        with psycopg2.connect(url or self.url) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def archived(self) -> None:
        """Wait until everything written so far is in the archive, as `archive_timeout` would bring about."""
        [(segment,)] = self.ask("SELECT pg_walfile_name(pg_switch_wal())", self.cluster.url)
        eventually((self.archive / segment).exists, within=30)

    def lose_everything(self) -> None:
        process.send(self.identity, signal.SIGKILL)
        assert process.wait_gone(self.identity, within=10)
        eventually(lambda: not self.cluster.answers(), within=10)
        shutil.rmtree(self.cluster.data)

    def come_back(self, backup: Path, moment: str = "") -> float:
        """Seconds from an empty disk to a database that takes writes."""
        begun = time.monotonic()
        data = self.at / "restored"
        self.run("restore", str(backup), str(self.archive), str(data), moment)
        self.cluster = replace(self.cluster, data=data, port=self.second_port)
        self.identity = start(self.cluster)
        eventually(lambda: self.ask("SELECT pg_is_in_recovery()", self.cluster.url) == [(False,)], within=60)
        return time.monotonic() - begun

    def there(self) -> list[int]:
        return sorted(int(key) for (key,) in self.ask("SELECT order_key FROM outbox"))


def own(path: Path) -> None:
    if (user := account()) is not None:
        for each in (path, *path.rglob("*")):
            os.chown(each, *owner_of(user))


def start(cluster: PostgresCluster) -> Identity:
    identity = cluster.start()
    eventually(cluster.answers, within=60)
    return identity


@pytest.fixture
def installation() -> Iterator[Installation]:
    ensure_installed(print)
    with session_directory() as at:
        made = Installation(at)
        try:
            with closing(psycopg2.connect(made.cluster.url)) as connection:
                connection.autocommit = True
                connection.cursor().execute("CREATE DATABASE dispatch")
            bootstrap.migrate(made.url)
            yield made
        finally:
            made.cluster.stop(made.identity)


def test_nothing_that_was_acknowledged_and_archived_is_missing_after_everything_is_lost(
    installation: Installation,
) -> None:
    installation.commit(range(500))
    backup = installation.at / "nightly"
    installation.run("backup", str(backup))
    installation.commit(range(500, 1000))
    installation.archived()
    installation.lose_everything()
    seconds = installation.come_back(backup)
    print(f"from an empty disk to writable: {seconds:.1f} s")
    assert installation.there() == installation.acknowledged
    installation.commit(range(1000, 1010))  # and it goes on
    assert installation.there() == installation.acknowledged
    bootstrap.migrate(installation.url)
    assert seconds < 60


def test_a_moment_before_a_mistake_can_be_gone_back_to(installation: Installation) -> None:
    backup = installation.at / "nightly"
    installation.run("backup", str(backup))
    installation.commit(range(100))
    [(moment,)] = installation.ask("SELECT clock_timestamp()::text")
    installation.ask("DELETE FROM outbox WHERE order_key::int < 50")
    installation.archived()
    installation.lose_everything()
    installation.come_back(backup, str(moment))
    assert installation.there() == installation.acknowledged


def test_a_restore_writes_over_nothing(installation: Installation) -> None:
    backup = installation.at / "nightly"
    installation.run("backup", str(backup))
    with pytest.raises(AssertionError, match="move it away"):
        installation.run("restore", str(backup), str(installation.archive), str(installation.cluster.data))
    with pytest.raises(AssertionError, match="never written over"):
        installation.run("backup", str(backup))
