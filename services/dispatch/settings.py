"""What dispatch's processes read from their environment, once."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chassis.settings import ProcessSettings, env, integer
from chassis.vault import parse_master_keys

_port = integer(0, 65_535)


def _master_key(text: str) -> str:
    parse_master_keys(text)
    return text


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("not a time zone of the IANA database") from None
    return text


@dataclass(frozen=True)
class AdminSettings(ProcessSettings):
    """What a command needs: the database and nothing else."""

    database_url: str = env("DATABASE_URL", secret=True)


@dataclass(frozen=True)
class Settings(AdminSettings):
    """What service and sidecar need. ``relay_port``: where the service nudges its sidecar, 0 for not at all."""

    amqp_url: str = env("AMQP_URL", secret=True)
    # Required: a default would let production start with the key that everybody knows.
    master_key: str = env("WANGGE_MASTER_KEY", secret=True, parse=_master_key)
    health_port: int = env("WANGGE_HEALTH_PORT", parse=_port)
    relay_port: int = env("WANGGE_RELAY_PORT", default=0, parse=_port)
    # Calls that wait for one another's transaction cost a greenlet each; the more wait, the more are joined.
    rpc_workers: int = env("WANGGE_RPC_WORKERS", default=100, parse=integer(1, 500))
    database_connections: int = env("WANGGE_DATABASE_CONNECTIONS", default=12, parse=integer(6, 100))
    timezone: str = env("WANGGE_TIMEZONE", default="Asia/Shanghai", parse=_timezone)
