"""What the registry's processes read from their environment, once."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.serving import ServingSettings
from chassis.settings import ProcessSettings, env, integer

_port = integer(0, 65_535)


@dataclass(frozen=True)
class AdminSettings(ProcessSettings):
    """What a command needs: the database and nothing else."""

    database_url: str = env("DATABASE_URL", secret=True)


@dataclass(frozen=True)
class Settings(AdminSettings, ServingSettings):
    """What service and sidecar need. ``relay_port``: where the service nudges its sidecar, 0 for not at all."""

    amqp_url: str = env("AMQP_URL", secret=True)
    health_port: int = env("WANGGE_HEALTH_PORT", parse=_port)
    # In a container the probes come from outside; anywhere else nobody but this machine should ask.
    health_host: str = env("WANGGE_HEALTH_HOST", default="127.0.0.1")
    relay_port: int = env("WANGGE_RELAY_PORT", default=0, parse=_port)
    rpc_workers: int = env("WANGGE_RPC_WORKERS", default=10, parse=integer(1, 100))
