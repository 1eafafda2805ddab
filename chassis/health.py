"""Health for supervisors, load balancers and Prometheus: ``/live``, ``/ready`` and ``/metrics`` on loopback.

Liveness says only that the process's loop comes round: never the broker, never the database, or an outage there would
have every replica restarted on top of it. Readiness says what is missing.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from chassis import metrics
from chassis.logs import get_logger, scrub

if TYPE_CHECKING:
    # The gateway serves these pages too and has no database driver.
    from sqlalchemy.engine import Engine

_log = get_logger()

StartResponse = Callable[..., Any]
WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing a process needs before it is ready; ``detail`` says what is the matter."""

    name: str
    ok: bool
    detail: str = ""


class Heartbeat:
    """Beaten by a loop each time it comes round; alive while the last beat is younger than ``limit_seconds``."""

    def __init__(self, limit_seconds: float = 15.0) -> None:
        self._limit = limit_seconds
        self._last = time.monotonic()

    def beat(self) -> None:
        self._last = time.monotonic()

    def alive(self) -> bool:
        age = time.monotonic() - self._last
        metrics.HEARTBEAT_AGE.set(age)
        return age < self._limit


def database_check(engine: "Engine") -> Check:
    """A readiness check that asks the database for nothing but an answer."""
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except Exception as error:  # noqa: BLE001 (naming SQLAlchemy's would make the gateway install it)
        return Check("database", ok=False, detail=type(error).__name__)
    return Check("database", ok=True)


def always_alive() -> bool:
    """For a process whose health server shares its loop (eventlet): that it answers is the sign of life."""
    return True


def wsgi_app(ready: Callable[[], Sequence[Check]], alive: Callable[[], bool] = always_alive) -> WsgiApp:
    """The three pages as a WSGI application, for whichever server the process has."""

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            status, content_type, body = "200 OK", CONTENT_TYPE_LATEST, generate_latest()
        elif path == "/live":
            good = alive()
            status, content_type, body = _answer(good, {"alive": good})
        elif path == "/ready":
            checks = _asked(ready)
            good = all(check.ok for check in checks)
            status, content_type, body = _answer(good, {"ready": good, "checks": [asdict(check) for check in checks]})
        else:
            status, content_type, body = "404 Not Found", "text/plain", b"/live /ready /metrics\n"
        start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]

    return app


def _asked(ready: Callable[[], Sequence[Check]]) -> list[Check]:
    try:
        return [Check(check.name, check.ok, scrub(check.detail)) for check in ready()]
    except Exception as error:  # noqa: BLE001 (a check that breaks is a check that fails)
        _log.warning("readiness could not be told", exc_info=True)
        return [Check("readiness", ok=False, detail=type(error).__name__)]


def _answer(good: bool, document: dict[str, Any]) -> tuple[str, str, bytes]:  # noqa: FBT001 (good or not is the answer)
    return "200 OK" if good else "503 Service Unavailable", "application/json", orjson.dumps(document)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True

    def server_bind(self) -> None:
        # Not HTTPServer's: it looks up the host's full name, which may wait for DNS.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _QuietHandler(WSGIRequestHandler):
    timeout = 5

    def log_message(self, format: str, *args: Any) -> None:
        """Probes each second are no news."""


class HealthServer:
    """Serves the pages from a thread of its own; in a monkey-patched process that is a greenlet.

    ``port`` 0 picks a free one, seen in ``port`` after ``start``. ``start`` raises OSError when the port is taken.
    """

    def __init__(
        self,
        port: int,
        ready: Callable[[], Sequence[Check]],
        *,
        alive: Callable[[], bool] = always_alive,
        host: str = "127.0.0.1",
    ) -> None:
        self.port = port
        self._host = host
        self._app = wsgi_app(ready, alive)
        self._server: WSGIServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Binds and begins to answer."""
        self._server = make_server(self._host, self.port, self._app, server_class=_Server, handler_class=_QuietHandler)
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, name="health", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stops answering and frees the port."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        if self._thread is not None:
            self._thread.join(timeout=2)
        self._server = self._thread = None
