"""How a nameko service process lives: waits for what it needs, serves, drains on SIGTERM.

The service's entry module patches first, then calls this:

    from chassis.nameko.patch import patch
    patch()
    …
    run_service(DispatchService, settings, engine=engine, declare=lambda: topology.declare(…), may=may)
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol

import eventlet
from nameko.containers import ServiceContainer
from sqlalchemy import Engine

from chassis import database
from chassis.assertions import Verifier
from chassis.health import Check, HealthServer, database_check
from chassis.link import BrokerLost, BrokerRefused
from chassis.logs import get_logger
from chassis.nameko.rpc import May
from chassis.tls import KeyPair, offer_or_exit
from chassis.waiting import wait_for

DRAIN_SECONDS = 18.0
# Room for the batch workers of @events beside those of RPC: a spawn that waits would hold up heartbeats.
_SPARE_WORKERS = 10
_log = get_logger()


class ServiceSettings(Protocol):
    """What the runner reads of a service's settings."""

    @property
    def amqp_url(self) -> str: ...
    @property
    def health_host(self) -> str: ...
    @property
    def health_port(self) -> int: ...
    @property
    def key_pair(self) -> KeyPair | None: ...
    @property
    def rpc_workers(self) -> int: ...
    @property
    def actor_keys(self) -> str: ...
    @property
    def mode(self) -> str: ...


def nameko_config(settings: ServiceSettings, service: str, may: May) -> dict[str, Any]:
    """The configuration nameko 2 and our extensions read."""
    return {
        "AMQP_URI": settings.amqp_url,
        "RPC_WORKERS": settings.rpc_workers,
        "max_workers": settings.rpc_workers + _SPARE_WORKERS,
        "HEARTBEAT": 30,
        "RECOGNISE": Verifier(settings.actor_keys, service, mode=settings.mode),
        "MAY": may,
    }


def run_service(
    service_cls: Any,
    settings: ServiceSettings,
    *,
    engine: Engine,
    declare: Callable[[], None],
    may: May,
    drain_seconds: float = DRAIN_SECONDS,
) -> None:
    """Run the service until SIGTERM or SIGINT, then drain and exit 0 within ``drain_seconds``.

    Broker and database may start later than this process; it waits for both. ``declare`` makes the topology and is
    called once both are there; ``may`` says who holds a permission. Exits 1 when the container dies of a defect, so
    that the supervisor starts another, and 78 for a certificate that cannot be used. Raises TopologyMismatch when the
    broker holds something else.
    """
    database.check_wait_callback(expected=True)
    offer = offer_or_exit(settings.key_pair)
    # Our entrypoints log each failure once, with its fate; nameko would add tracebacks that may quote the message.
    logging.getLogger("nameko.containers").setLevel(logging.CRITICAL)
    with _termination() as terminated:
        container = ServiceContainer(service_cls, nameko_config(settings, service_cls.name, may))
        life = _Life(container, engine)
        health = HealthServer(settings.health_port, life.checks, host=settings.health_host, offer=offer)
        health.start()
        try:
            if life.prepare(declare, terminated):
                _serve(container, life, terminated, drain_seconds)
        finally:
            health.stop()
    engine.dispose()
    _log.info("stopped", service=container.service_name)


class _Life:
    """What readiness is judged by."""

    def __init__(self, container: Any, engine: Engine) -> None:
        self._container = container
        self._engine = engine
        self.started = False
        self.draining = False

    def checks(self) -> list[Check]:
        """Ready means: started, not draining, every consumer connected, the database answers."""
        away = [type(each).__name__ for each in self._container.extensions if not getattr(each, "connected", True)]
        return [
            Check("serving", ok=self.started and not self.draining),
            Check("broker", ok=self.started and not away, detail=", ".join(sorted(away))),
            database_check(self._engine),
        ]

    def prepare(self, declare: Callable[[], None], terminated: Callable[[], bool]) -> bool:
        """Wait for database and broker, declare the topology; False when told to stop meanwhile."""
        return wait_for("database", lambda: database_check(self._engine).ok, terminated, eventlet.sleep) and wait_for(
            "broker", lambda: _declared(declare), terminated, eventlet.sleep
        )


def _declared(declare: Callable[[], None]) -> bool:
    try:
        declare()
    except BrokerRefused:
        raise
    except BrokerLost as lost:
        _log.info("broker not reachable yet", error=str(lost))
        return False
    return True


def _serve(container: Any, life: _Life, terminated: Callable[[], bool], drain_seconds: float) -> None:
    container.start()
    life.started = True
    _log.info("started", service=container.service_name)
    died = eventlet.spawn(container.wait)
    while not terminated() and not died.dead:
        eventlet.sleep(0.05)
    if died.dead and not terminated():
        _exit_dead(container, died)
    life.draining = True
    _log.info("draining", service=container.service_name)
    stopping = eventlet.spawn(container.stop)
    until = time.monotonic() + drain_seconds
    while not stopping.dead and time.monotonic() < until:
        eventlet.sleep(0.02)
    if not stopping.dead:
        _log.warning("drain cut short; unfinished messages return to their queues", after_seconds=drain_seconds)
        # A greenlet that does not end cannot be joined at exit either.
        os._exit(0)


def _exit_dead(container: Any, died: Any) -> NoReturn:
    """A defect in the worker lifecycle or an extension ended the container; what it held returns to its queues."""
    try:
        died.wait()
    except Exception:  # noqa: BLE001 (whatever it was, it is logged and the process ends)
        _log.critical("container died", service=container.service_name, exc_info=True)
    sys.exit(1)


@contextmanager
def _termination() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM or SIGINT has come; asked every 50 ms, because a handler must not switch greenlets."""
    received: list[int] = []
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in previous:
        signal.signal(number, lambda got, _frame: received.append(got))
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
