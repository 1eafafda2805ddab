"""The registry's sidecar: relays the outbox, without eventlet. The registry watches no deadlines yet."""

from __future__ import annotations

from chassis import logs, tracing
from chassis.settings import load_or_exit
from chassis.sidecar import run_sidecar
from services.registry import bootstrap
from services.registry.settings import Settings


def main() -> None:
    settings = load_or_exit(Settings)
    logs.configure("registry-sidecar", settings.log_level, settings.instance)
    tracing.configure("registry-sidecar")
    engine = bootstrap.sidecar_engine(settings)
    run_sidecar(settings, engine=engine, relay=bootstrap.relay(settings, engine), cleaners=bootstrap.cleaners(engine))


if __name__ == "__main__":
    main()
