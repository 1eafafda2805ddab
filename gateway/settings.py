"""What the gateway reads from its environment, once, at start."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from chassis.settings import ProcessSettings, SettingsError, env, integer


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


@dataclass(frozen=True)
class GatewaySettings(ProcessSettings):
    """One frozen object for the whole process; times are seconds, sizes are bytes."""

    amqp_url: str = env("AMQP_URL", secret=True)
    host: str = env("WANGGE_HTTP_HOST", default="127.0.0.1")
    port: int = env("WANGGE_HTTP_PORT", default=8115, parse=integer(0, 65_535))
    token: str = env("WANGGE_TOKEN", default="", secret=True)
    agency: str = env("WANGGE_AGENCY", default="county.wangge.example", parse=domain_name)
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
        if self.mode == "production" and self.token:
            raise SettingsError({"WANGGE_TOKEN": "a development token; production mode refuses to start with one"})
        if self.mode == "development" and not self.token:
            raise SettingsError({"WANGGE_TOKEN": "missing: development mode needs its bearer token"})
