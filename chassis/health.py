"""Health for supervisors, load balancers and Prometheus: ``/live``, ``/ready``, ``/metrics``; on loopback and in clear
text unless told otherwise.

Liveness says only that the process's loop comes round: never the broker, never the database, or an outage there would
have every replica restarted on top of it. Readiness says what is missing.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from chassis import metrics
from chassis.logs import get_logger, scrub
from chassis.pages import PageServer, WsgiApp
from chassis.tls import Offer

if TYPE_CHECKING:
    # The gateway serves these pages too and has no database driver.
    from sqlalchemy.engine import Engine

_log = get_logger()

StartResponse = Callable[..., Any]


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


class HealthServer(PageServer):
    """The three pages on a port of their own, see ``PageServer``."""

    def __init__(
        self,
        port: int,
        ready: Callable[[], Sequence[Check]],
        *,
        alive: Callable[[], bool] = always_alive,
        host: str = "127.0.0.1",
        offer: Offer | None = None,
    ) -> None:
        super().__init__(port, wsgi_app(ready, alive), host=host, offer=offer)
