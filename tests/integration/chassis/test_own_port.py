"""The real processes, each with a certificate for its own port: health and figures by TLS and no other way.

None of them needs broker or database for that: until both are there they wait, alive.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chassis.settings import EX_CONFIG
from chassis.vault import DEVELOPMENT_MASTER_KEY
from cli.stack.parts import read_parts
from tests.support.authority import Authority, offered

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
STARTS_WITHIN = 120  # two seconds on a machine that has nothing else to do
ROOT = Path(__file__).parents[3]
NOWHERE = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "AMQP_URL": "amqp://nobody@127.0.0.1:1/",
    "WANGGE_URL": "http://127.0.0.1:1", "WANGGE_MASTER_KEY": DEVELOPMENT_MASTER_KEY, "PYTHONWARNINGS": "ignore",
}  # fmt: skip
# The gateway's port is its API: tests/integration/gateway/test_tls.py.
MODULES = {part.name: part.command[1] for part in read_parts().parts if "WANGGE_HEALTH_PORT" in part.ports}
PROCESSES = {**MODULES, "drill": "cli.drill"}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextmanager
def started(name: str, **told: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANGGE_")}
    listen = ["--listen", f"127.0.0.1:{port}"] if name == "drill" else []
    command = [sys.executable, "-m", PROCESSES[name], *listen]
    environ = {**kept, **NOWHERE, "WANGGE_HEALTH_PORT": str(port), **told}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process, port
        finally:
            process.kill()


def read(port: int, authority: Authority, page: str) -> str:
    """What the page says; an AssertionError while there is none."""
    try:
        url = f"https://127.0.0.1:{port}{page}"
        with urllib.request.urlopen(url, timeout=5, context=authority.client()) as answer:
            return str(answer.read().decode())
    except OSError as error:
        raise AssertionError(error) from error


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_serves_its_figures_by_tls_and_takes_up_a_renewed_certificate(
    name: str, authority: Authority, eventually: Callable[..., object]
) -> None:
    with started(name, **authority.settings) as (process, port):
        figures = eventually(lambda: read(port, authority, "/metrics"), within=STARTS_WITHIN)
        ends = re.search(r"^wangge_certificate_ends_timestamp_seconds (\S+)$", str(figures), re.MULTILINE)
        assert ends is not None
        assert dt.timedelta(days=1) < dt.timedelta(seconds=float(ends[1]) - time.time()) < dt.timedelta(days=2)
        if name != "drill":
            assert read(port, authority, "/live") == '{"alive":true}'
        with pytest.raises((urllib.error.URLError, OSError)):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5)
        assert offered(port) == authority.serial
        renewed = authority.renew()
        assert offered(port) == renewed
        process.terminate()
        assert process.wait(60) == 0


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_whose_certificate_cannot_be_used_does_not_start(name: str, authority: Authority) -> None:
    authority.key.write_bytes(b"nothing of the kind")
    with started(name, **authority.settings) as (process, _):
        _, told = process.communicate(timeout=STARTS_WITHIN)
    assert (process.returncode, "WANGGE_TLS_KEY" in told.decode()) == (EX_CONFIG, True)
