"""The second process of a service, without eventlet: relay, deadline clock, cleaner, each in its thread.

A slow handler in the service cannot delay an event or a deadline here. A thread that dies takes the
process with it (exit 1): the supervisor starts a whole one, which beats a half-living one.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import Protocol

from sqlalchemy import Engine

from chassis import database
from chassis.cleaner import Cleaner
from chassis.deadline_table import SIDECAR_NUDGE
from chassis.health import Check, HealthServer, database_check
from chassis.logs import get_logger
from chassis.relay import Relay
from chassis.tls import KeyPair, offer_or_exit
from chassis.waiting import wait_for

JOIN_SECONDS = 15.0
# Longer than a broker on a crowded machine, or one that is frozen for a moment, takes to confirm.
SILENT_SECONDS = 20.0
_log = get_logger()


class SidecarSettings(Protocol):
    """What the sidecar reads of a service's settings."""

    @property
    def health_host(self) -> str: ...
    @property
    def health_port(self) -> int: ...
    @property
    def key_pair(self) -> KeyPair | None: ...


class Rescans(Protocol):
    """A deadline clock: works until the event is set, and looks at its table at once when told to."""

    def run(self, stop: threading.Event) -> None: ...
    def rescan(self) -> None: ...


def run_sidecar(
    settings: SidecarSettings,
    *,
    engine: Engine,
    relay: Relay,
    deadline_clock: Rescans | None = None,
    cleaners: Sequence[Cleaner] = (),
) -> None:
    """Run until SIGTERM or SIGINT, then drain and return; exits 1 as soon as one of the threads has died.

    Exits 78 for a certificate that cannot be used.
    """
    database.check_wait_callback(expected=False)
    offer = offer_or_exit(settings.key_pair)
    stop = _set_by_signals()
    crew = _Crew(stop)
    health = HealthServer(
        settings.health_port,
        lambda: _checks(stop, engine, relay, crew),
        alive=relay.heartbeat.alive,
        host=settings.health_host,
        offer=offer,
    )
    health.start()
    try:
        if wait_for("database", lambda: database_check(engine).ok, stop.is_set, stop.wait):
            _set_to_work(crew, relay, deadline_clock, cleaners)
        # A main thread that waits without a limit would not run signal handlers on every platform.
        while not stop.wait(1.0):
            continue
        crew.join(JOIN_SECONDS)
    finally:
        health.stop()
    engine.dispose()
    if crew.failed:
        sys.exit(1)
    _log.info("sidecar stopped")


def _set_by_signals() -> threading.Event:
    stop = threading.Event()

    def terminate(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, terminate)
    return stop


def _set_to_work(crew: _Crew, relay: Relay, deadline_clock: Rescans | None, cleaners: Sequence[Cleaner]) -> None:
    crew.start("relay", relay.run)
    if deadline_clock is not None:
        relay.on_nudge = partial(_pass_on, deadline_clock)
        crew.start("deadline clock", deadline_clock.run)
    for cleaner in cleaners:
        crew.start(f"cleaner of {cleaner.table.name}", cleaner.run)
    _log.info("sidecar started", threads=crew.titles)


def _pass_on(clock: Rescans, payload: bytes) -> None:
    # The service armed a deadline that is due before the clock's next scan would see it.
    if payload == SIDECAR_NUDGE:
        clock.rescan()


class _Crew:
    """The threads; the first that ends by itself stops all."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._threads: list[threading.Thread] = []
        self.failed = False

    @property
    def titles(self) -> list[str]:
        return [thread.name for thread in self._threads]

    def all_alive(self) -> bool:
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def start(self, title: str, run: Callable[[threading.Event], None]) -> None:
        def guarded() -> None:
            try:
                run(self._stop)
            except BaseException:  # noqa: BLE001 (logged, and the process ends)
                _log.critical("sidecar thread died", thread=title, exc_info=True)
                self.failed = True
            else:
                self.failed = self.failed or not self._stop.is_set()
            finally:
                self._stop.set()

        # Daemon: a thread stuck in the broker or the database must not outlive the drain.
        thread = threading.Thread(target=guarded, name=title, daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self, seconds: float) -> None:
        for thread in self._threads:
            thread.join(seconds)
            if thread.is_alive():
                _log.warning("sidecar thread did not finish in time", thread=thread.name)


def _checks(stop: threading.Event, engine: Engine, relay: Relay, crew: _Crew) -> list[Check]:
    return [
        Check("running", ok=crew.all_alive() and not stop.is_set()),
        Check("broker", ok=relay.connected),
        Check("confirms", ok=relay.silent_seconds < SILENT_SECONDS, detail=f"none for {relay.silent_seconds:.0f} s"),
        database_check(engine),
    ]
