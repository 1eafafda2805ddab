"""Dispatch's sidecar: relays the outbox and watches the deadlines, without eventlet."""

from __future__ import annotations

import gc

from chassis import logs, tracing
from chassis.settings import load_or_exit
from chassis.sidecar import run_sidecar
from services.dispatch import bootstrap
from services.dispatch.settings import Settings


def main() -> None:
    # A full collection in the middle of a batch would make its deadlines late.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    settings = load_or_exit(Settings)
    logs.configure("dispatch-sidecar", settings.log_level, settings.instance)
    tracing.configure("dispatch-sidecar")
    engine = bootstrap.sidecar_engine(settings)
    run_sidecar(
        settings,
        engine=engine,
        relay=bootstrap.relay(settings, engine),
        deadline_clock=bootstrap.deadline_clock(settings, engine),
        cleaners=bootstrap.cleaners(settings, engine),
    )


if __name__ == "__main__":
    main()
