"""What every process with a port of its own reads of it: the certificate that it shows there."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.settings import ProcessSettings, SettingsError, env
from chassis.tls import KeyPair

CERTIFICATE, KEY = "WANGGE_TLS_CERTIFICATE", "WANGGE_TLS_KEY"


@dataclass(frozen=True)
class OwnPortSettings(ProcessSettings):
    """PEM files for TLS on the port that the process serves: the API, or health and figures. Both, or none."""

    tls_certificate: str = env(CERTIFICATE, default="")
    tls_key: str = env(KEY, default="")

    def __post_init__(self) -> None:
        """Refuse half of a pair; raises SettingsError."""
        if bool(self.tls_certificate) != bool(self.tls_key):
            absent, there = (KEY, CERTIFICATE) if self.tls_certificate else (CERTIFICATE, KEY)
            raise SettingsError({absent: f"missing: one goes with the other, {there}"})

    @property
    def key_pair(self) -> KeyPair | None:
        """None where the port speaks clear text: on one machine, or behind a proxy on it."""
        return KeyPair(self.tls_certificate, self.tls_key) if self.tls_certificate else None
