"""What every process that answers calls reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.assertions import DEVELOPMENT_ACTOR_KEY, parse_public_keys, public_key_of
from chassis.own_port import OwnPortSettings
from chassis.settings import SettingsError, env


@dataclass(frozen=True)
class ServingSettings(OwnPortSettings):
    """What a process that answers calls reads: the public keys of the gateways whose word it takes."""

    actor_keys: str = env("WANGGE_ACTOR_KEYS", default=public_key_of(DEVELOPMENT_ACTOR_KEY), parse=parse_public_keys)

    def __post_init__(self) -> None:
        """Refuse to serve a county on a key that everybody has; raises SettingsError."""
        super().__post_init__()
        if self.mode == "production" and public_key_of(DEVELOPMENT_ACTOR_KEY) in self.actor_keys.split(","):
            raise SettingsError({"WANGGE_ACTOR_KEYS": "missing, or the development key"})
