"""What the registry's processes read from their environment, once."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.settings import ProcessSettings, env, integer

_port = integer(0, 65_535)


@dataclass(frozen=True)
class AdminSettings(ProcessSettings):
    """What a command needs: the database and nothing else."""

    database_url: str = env("DATABASE_URL", secret=True)


@dataclass(frozen=True)
class Settings(AdminSettings):
    """What service and sidecar need. ``relay_port``: where the service nudges its sidecar, 0 for not at all."""

    amqp_url: str = env("AMQP_URL", secret=True)
    health_port: int = env("WANGGE_HEALTH_PORT", parse=_port)
    relay_port: int = env("WANGGE_RELAY_PORT", default=0, parse=_port)
    rpc_workers: int = env("WANGGE_RPC_WORKERS", default=10, parse=integer(1, 100))
