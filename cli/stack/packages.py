"""The two servers the local stack needs, found where Debian puts them or installed from its packages."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

RABBITMQ_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
POSTGRES_ROOT = Path("/usr/lib/postgresql")
POLICY = Path("/usr/sbin/policy-rc.d")
NO_MAIN_CLUSTER = Path("/etc/postgresql-common/createcluster.d/wangge-no-main-cluster.conf")
LOCK = Path(tempfile.gettempdir()) / f"wangge-packages-{os.geteuid()}.lock"
# Metapackages: they bring the version that this release of the distribution carries.
PACKAGES = ("rabbitmq-server", "postgresql", "postgresql-postgis")


class StackError(Exception):
    """The local stack cannot do what was asked; the message says why and what to do."""

    exit_code = 1


class MisconfiguredError(StackError):
    """A part says that its settings are wrong (sysexits.h: EX_CONFIG)."""

    exit_code = 78


@cache
def postgres_programs() -> Path:
    """Directory of `postgres` and `initdb`, newest version that has PostGIS beside it."""
    found = _find_postgres()
    if found is None:
        raise StackError(missing_message(["postgresql", "postgresql-postgis"]))
    return found


@cache
def rabbitmq_server() -> Path:
    """RabbitMQ's own start script, not Debian's wrapper: the wrapper insists on the system's account and files."""
    if not RABBITMQ_SERVER.exists():
        raise StackError(missing_message(["rabbitmq-server"]))
    return RABBITMQ_SERVER


def missing_packages() -> list[str]:
    """The Debian packages that this machine lacks for a local stack."""
    missing = [] if RABBITMQ_SERVER.exists() else ["rabbitmq-server"]
    return missing if _find_postgres() else [*missing, "postgresql", "postgresql-postgis"]


def missing_message(packages: list[str]) -> str:
    return (
        f"本机缺少 Debian 软件包 · these Debian packages are missing: {' '.join(packages)}\n"
        f"  as root:      apt-get install {' '.join(packages)}\n"
        "  with Docker:  make compose-servers, then set AMQP_URL and DATABASE_URL as it prints"
    )


def ensure_installed(say: Callable[[str], None]) -> None:
    """Install what is missing when root; otherwise raise StackError naming the packages."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        if missing := missing_packages():
            raise StackError(missing_message(missing))
        return
    # What another process of ours is unpacking is there already, but not ready: look when it has done.
    with one_at_a_time():
        if not (missing := missing_packages()):
            return
        say(f"正在安装 · installing {' '.join(missing)}")
        with _nothing_starts_by_itself():
            apt("update", "-qq")
            apt("install", "-y", "-qq", "--no-install-recommends", *missing)
    postgres_programs.cache_clear()
    rabbitmq_server.cache_clear()
    if still := missing_packages():
        raise StackError(missing_message(still))


def _find_postgres() -> Path | None:
    versions = sorted(POSTGRES_ROOT.glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]), reverse=True)
    for program in versions:
        if (Path("/usr/share/postgresql") / program.parts[-3] / "extension" / "postgis.control").exists():
            return program.parent
    return None


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Packages are looked up, fetched and installed by one process at a time: apt waits for others only to install."""
    descriptor = os.open(LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _nothing_starts_by_itself() -> Iterator[None]:
    """While packages are installed, keep their scripts from making and starting system-wide servers (policy-rc.d)."""
    made = [path for path in (POLICY, NO_MAIN_CLUSTER) if not path.exists()]
    if POLICY in made:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    if NO_MAIN_CLUSTER in made:
        NO_MAIN_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
        NO_MAIN_CLUSTER.write_text("create_main_cluster = false\n")
    try:
        yield
    finally:
        for path in made:
            path.unlink(missing_ok=True)


def apt(*arguments: str, within: Path | None = None) -> None:
    """Run apt-get without questions, in the folder `within`. Raises StackError with what it said."""
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments]
    done = subprocess.run(
        command,
        cwd=within, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise StackError(f"apt-get {arguments[0]} failed:\n{(done.stdout + done.stderr)[-2000:]}")
