"""What the gateway reads from its environment, once, at start."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from chassis.own_port import OwnPortSettings
from chassis.settings import SettingsError, env, integer
from chassis.vault import DEVELOPMENT_MASTER_KEY, Vault
from gateway.accounts.sealing import Sealing
from gateway.rates import OFF, Rates, rules_of
from gateway.security.settings import IdentitySettings
from gateway.shared_counts import SharedCounts

MEMORY, DATABASE = "memory", "database"


def seconds(least: float, most: float) -> Callable[[str], float]:
    """A parser for a length of time within limits, both included."""

    def parse(text: str) -> float:
        value = float(text)
        if not least <= value <= most:
            raise ValueError(f"not within {least}..{most}")
        return value

    return parse


def domain_name(text: str) -> str:
    """A lower-case domain name: how the county is known to other systems (EIDO agency identifier, CAP sender)."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+", text):
        raise ValueError("not a lower-case domain name")
    return text


def rate_store(text: str) -> str:
    """Where rates are counted; empty for the database when there is one."""
    if text not in ("", MEMORY, DATABASE):
        raise ValueError(f"must be {MEMORY} or {DATABASE}")
    return text


@dataclass(frozen=True)
class GatewaySettings(IdentitySettings, OwnPortSettings):
    """One frozen object for the whole process; times are seconds, sizes are bytes."""

    amqp_url: str = env("AMQP_URL", secret=True)
    host: str = env("WANGGE_HTTP_HOST", default="127.0.0.1")
    port: int = env("WANGGE_HTTP_PORT", default=8115, parse=integer(0, 65_535))
    agency: str = env("WANGGE_AGENCY", default="county.wangge.example", parse=domain_name)
    key: str = env("WANGGE_GATEWAY_KEY", default=DEVELOPMENT_MASTER_KEY, secret=True)
    journal: str = env("WANGGE_JOURNAL", default="")
    journal_bytes: int = env("WANGGE_JOURNAL_BYTES", default=512 * 1024 * 1024, parse=integer(1024 * 1024))
    journal_hours: float = env("WANGGE_JOURNAL_HOURS", default=24.0, parse=seconds(0.01, 24 * 30))
    intake_seconds: float = env("WANGGE_INTAKE_SECONDS", default=3.0, parse=seconds(0.05, 120))
    rate_limits: str = env("WANGGE_RATE_LIMITS", default="")
    rate_store: str = env("WANGGE_RATE_STORE", default="", parse=rate_store)
    read_seconds: float = env("WANGGE_READ_SECONDS", default=5.0, parse=seconds(0.05, 120))
    command_seconds: float = env("WANGGE_COMMAND_SECONDS", default=10.0, parse=seconds(0.05, 120))
    feed_patience_seconds: float = env("WANGGE_FEED_PATIENCE_SECONDS", default=60.0, parse=seconds(0.05, 3600))
    feed_spool_bytes: int = env("WANGGE_FEED_SPOOL_BYTES", default=256 * 1024 * 1024, parse=integer(0))
    stream_ring_events: int = env("WANGGE_STREAM_RING_EVENTS", default=20_000, parse=integer(1, 1_000_000))
    stream_slow_seconds: float = env("WANGGE_STREAM_SLOW_SECONDS", default=10.0, parse=seconds(0.1, 3600))
    export_slow_seconds: float = env("WANGGE_EXPORT_SLOW_SECONDS", default=60.0, parse=seconds(0.1, 3600))
    head_seconds: float = env("WANGGE_HEAD_SECONDS", default=10.0, parse=seconds(0.1, 120))
    body_seconds: float = env("WANGGE_BODY_SECONDS", default=30.0, parse=seconds(0.1, 600))

    def __post_init__(self) -> None:
        """Refuse combinations that must never serve a county; raises SettingsError."""
        IdentitySettings.__post_init__(self)
        OwnPortSettings.__post_init__(self)
        if self.database_url and any(each.issuer == f"https://{self.agency}" for each in self.issuers):
            raise SettingsError({"WANGGE_ISSUERS": "names this county itself, whose tokens its own accounts sign"})
        if self.mode == "production" and not self.journal:
            raise SettingsError({"WANGGE_JOURNAL": "missing: production mode needs a folder where no call is lost"})
        try:
            self.vault()
        except ValueError as error:
            raise SettingsError({"WANGGE_GATEWAY_KEY": str(error)}) from None
        if self.rate_store == DATABASE and not self.database_url:
            raise SettingsError({"WANGGE_RATE_STORE": f"{DATABASE} needs DATABASE_URL"})
        try:
            self.rates()
        except ValueError as error:
            raise SettingsError({"WANGGE_RATE_LIMITS": str(error)}) from None

    def vault(self) -> Vault:
        """What seals the gateway's files. Raises ValueError for a bad key, or in production mode a guessable one."""
        return Vault.from_text(self.key, mode=self.mode)

    def rates(self) -> Rates:
        """How often somebody may call; without limits in development mode, where one token is everybody.

        Counted with the other gateways of the same database, if there is one. Raises ValueError for a rule.
        """
        rules = rules_of(self.rate_limits or ("" if self.mode == "production" else OFF))
        if self.rate_store == MEMORY or not self.database_url:
            return Rates(rules)
        return Rates(rules, SharedCounts(self.database_url, Sealing(self.identity_key, mode=self.mode)))
