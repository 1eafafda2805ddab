"""The real gateway in its own process."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psutil

from tests.support.eventually import eventually

TOKEN = "a-token-for-tests"
ROOT = Path(__file__).parents[3]


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class GatewayProcess:
    """`python -m gateway` while its `with` block lasts; can be stopped, killed and started again on the same port."""

    def __init__(self, amqp_url: str, log: Path, module: str = "gateway", **environment: str) -> None:
        self._module = module
        self.port = free_port()
        self.authority: str | bool = environment.pop("AUTHORITY", True)
        """Path of the certificate to trust; of a gateway that speaks TLS."""
        scheme = "https" if "WANGGE_TLS_KEY" in environment else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.log = log
        self._environment = {
            # A server named for the tests' own databases is not the gateway's.
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "AMQP_URL": amqp_url,
            "WANGGE_TOKEN": TOKEN,
            "WANGGE_HTTP_PORT": str(self.port),
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self.kill()

    def start(self) -> None:
        """Start and wait until ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module], env=self._environment, stdout=log, stderr=log, cwd=ROOT
            )
        eventually(self.is_ready, within=60)

    def is_ready(self) -> bool:
        """The answer of /ready."""
        try:
            return httpx.get(f"{self.url}/ready", timeout=2, verify=self._trusted()).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, within: float = 20) -> int:
        """SIGTERM; the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(within)
        self._process = None
        return status

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        self._process = None

    def memory_bytes(self) -> int:
        """Resident memory of the process."""
        assert self._process is not None
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connections(self) -> int:
        """TCP connections of clients that the process holds."""
        assert self._process is not None
        held = psutil.Process(self._process.pid).net_connections("tcp")
        return sum(bool(each.raddr) and each.laddr.port == self.port for each in held)

    def client(self, timeout: float = 15, token: str = TOKEN) -> httpx.Client:
        """A client with the token."""
        shown = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=shown, timeout=timeout, verify=self._trusted())

    def _trusted(self) -> ssl.SSLContext | bool:
        return ssl.create_default_context(cafile=self.authority) if isinstance(self.authority, str) else True
