"""What dispatch's processes read from their environment, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from chassis.actor import CLIENT, DEVELOPMENT, EVERYWHERE, Actor
from chassis.serving import ServingSettings
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


ANY_SENDER = "*"
"""In WANGGE_AMQP_ACTORS: every user of the broker that is not named, and messages that name none."""
_DEVELOPER = Actor("amqp", "amqp", ("developer",), (EVERYWHERE,), credential=DEVELOPMENT)


def _senders(text: str) -> dict[str, Actor]:
    """Of ``{"broker user": {"roles": [], "jurisdictions": []}}``. Raises ValueError."""
    try:
        told = orjson.loads(text)
        return {
            user: Actor.from_claims({**each, "sub": f"amqp:{user}", "client": f"amqp:{user}", "credential": CLIENT})
            for user, each in told.items()
        }
    except (AttributeError, TypeError):
        raise ValueError("not a JSON object of objects") from None


@dataclass(frozen=True)
class AdminSettings(ProcessSettings):
    """What a command needs: the database and nothing else."""

    database_url: str = env("DATABASE_URL", secret=True)


@dataclass(frozen=True)
class SealingSettings(AdminSettings):
    """What opens and seals contact details needs."""

    # Required: a default would let production start with the key that everybody knows.
    master_key: str = env("WANGGE_MASTER_KEY", secret=True, parse=_master_key)


@dataclass(frozen=True)
class Settings(SealingSettings, ServingSettings):
    """What service and sidecar need. ``relay_port``: where the service nudges its sidecar, 0 for not at all."""

    amqp_url: str = env("AMQP_URL", secret=True)
    health_port: int = env("WANGGE_HEALTH_PORT", parse=_port)
    # In a container the probes come from outside; anywhere else nobody but this machine should ask.
    health_host: str = env("WANGGE_HEALTH_HOST", default="127.0.0.1")
    relay_port: int = env("WANGGE_RELAY_PORT", default=0, parse=_port)
    # Calls that wait for one another's transaction cost a greenlet each; the more wait, the more are joined.
    rpc_workers: int = env("WANGGE_RPC_WORKERS", default=100, parse=integer(1, 500))
    database_connections: int = env("WANGGE_DATABASE_CONNECTIONS", default=12, parse=integer(8, 100))
    # At least the longest six months there are: the law's least, below which the database refuses.
    denials_days: int = env("WANGGE_DENIALS_DAYS", default=400, parse=integer(184, 3653))
    timezone: str = env("WANGGE_TIMEZONE", default="Asia/Shanghai", parse=_timezone)
    # Who sends commands over AMQP, by the user_id that RabbitMQ has verified. Production names every sender.
    amqp_actors: Mapping[str, Actor] | None = env("WANGGE_AMQP_ACTORS", default=None, parse=_senders)

    @property
    def senders(self) -> Mapping[str, Actor]:
        """The actor of each user of the broker that may send commands."""
        if self.amqp_actors is None:
            return {ANY_SENDER: _DEVELOPER} if self.mode == "development" else {}
        return self.amqp_actors
