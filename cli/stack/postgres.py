"""A private PostgreSQL cluster on a loopback port: own data directory, own superuser, no Unix socket."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from cli.stack import process
from cli.stack.packages import StackError, postgres_programs
from cli.stack.process import Identity

SUPERUSER = "wangge_admin"
LEAST_BUFFER_MEGABYTES, MOST_BUFFER_MEGABYTES = 128, 1024
ACCOUNT = "postgres"  # PostgreSQL refuses to run as root; Debian's packages bring this account


@dataclass(frozen=True)
class PostgresCluster:
    """Where a cluster lives and how to reach it. `options` are extra `name=value` settings of the server."""

    data: Path
    port: int
    password: str
    log: Path
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """URL of the cluster's superuser, on the maintenance database."""
        return database_url("127.0.0.1", self.port, SUPERUSER, self.password, "postgres")

    def start(self) -> Identity:
        """Make the cluster if it is not there yet and start it. It takes a moment until it `answers`."""
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        command = [str(postgres_programs() / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        for name, value in self._settings().items():
            command += ["-c", f"{name}={value}"]
        child = process.spawn(command, log=self.log, env=_environment(), cwd=self.data, user=account())
        return process.started(child)

    def running(self) -> Identity | None:
        """The postmaster that owns the data directory now, whoever started it."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, PermissionError):
            return None
        if len(lines) < 4 or Path(lines[1]) != self.data or lines[3] != str(self.port):
            return None
        identity = Identity.of(int(lines[0]))
        # A stale pid file may name a process that has nothing to do with us: look at what it runs.
        return identity if identity and _runs_postgres(identity.pid) else None

    def stop(self, identity: Identity, *, within: float = 20) -> bool:
        """Fast shutdown: sessions are ended, everything is written down (SIGINT, postgres(1))."""
        return process.stop(identity, within=within, first=signal.SIGINT)

    def answers(self) -> bool:
        import psycopg2

        try:
            psycopg2.connect(self.url, connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _settings(self) -> dict[str, str]:
        return {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": f"{buffer_megabytes()}MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self.options,
        }

    def _initialise(self) -> None:
        make_directory_for_account(self.data)
        with tempfile.NamedTemporaryFile("w", prefix="wangge-", dir="/tmp") as secret:
            secret.write(self.password + "\n")
            secret.flush()
            if (user := account()) is not None:
                os.chown(secret.name, *owner_of(user))
            _run(
                [
                    str(postgres_programs() / "initdb"), "-D", str(self.data), "-U", SUPERUSER, "--pwfile", secret.name,
                    "-E", "UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--no-sync", "--data-checksums",
                ],
                cwd=self.data,
            )  # fmt: skip


def buffer_megabytes() -> int:
    """A quarter of this machine's memory, as PostgreSQL's manual advises, within reason for a machine of other uses.

    It is taken page by page as it is needed.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    return min(max(memory // 4, LEAST_BUFFER_MEGABYTES), MOST_BUFFER_MEGABYTES)


def account() -> str | None:
    """The account PostgreSQL runs under: None means our own."""
    return ACCOUNT if os.geteuid() == 0 else None


def owner_of(user: str) -> tuple[int, int]:
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def account_can_enter(directory: Path) -> bool:
    """Whether the account that PostgreSQL runs under may pass every folder on the way to `directory` (which exists)."""
    user = account()
    if user is None:
        return True
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", 'cd "$1"', "sh", str(directory)],
            user=user, group=user, extra_groups=[], cwd="/", check=False, capture_output=True,
        )  # fmt: skip
    except KeyError as unknown:
        raise StackError(f"there is no account named {user}: install the PostgreSQL packages first") from unknown
    return done.returncode == 0


def make_directory_for_account(directory: Path) -> None:
    """Make a directory that only PostgreSQL's account may read."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (user := account()) is not None:
        os.chown(directory, *owner_of(user))
    directory.chmod(0o700)


def database_url(host: str, port: int, user: str, password: str, database: str) -> str:
    return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}/{database}"


def with_database(url: str, database: str, *, user: str | None = None, password: str | None = None) -> str:
    """The same server's URL for another database (and another role)."""
    parts = urlsplit(url)
    place = parts.netloc
    if user is not None:
        host = place.rpartition("@")[2]
        place = f"{quote(user, safe='')}:{quote(password or '', safe='')}@{host}"
    return urlunsplit((parts.scheme, place, f"/{database}", parts.query, ""))


def _environment() -> dict[str, str]:
    # No PG* variable of the caller may reach the private cluster.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}


def _run(command: list[str], cwd: Path) -> None:
    user = account()
    who: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    done = subprocess.run(command, cwd=cwd, env=_environment(), capture_output=True, text=True, check=False, **who)
    if done.returncode != 0:
        raise StackError(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}")


def _runs_postgres(pid: int) -> bool:
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except FileNotFoundError:
        return False
