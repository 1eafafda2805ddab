"""What the gateway reads of identity, once, at start: whose tokens it takes, and its own accounts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chassis.assertions import DEVELOPMENT_ACTOR_KEY, parse_private_key
from chassis.settings import ProcessSettings, SettingsError, env, integer
from gateway.accounts.sealing import DEVELOPMENT_IDENTITY_KEY, Sealing
from gateway.security.issuer import Issuer, is_role, parse_issuers
from gateway.security.proxies import Network, parse_networks

PRIVILEGED = "ops,auditor,county_lead,registrar"


def _identity_key(text: str) -> str:
    Sealing(text, mode="development")
    return text


def _roles(text: str) -> frozenset[str]:
    names = frozenset(each.strip() for each in text.split(","))
    if not all(is_role(each) for each in names):
        raise ValueError("not roles with commas between")
    return names


def _header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{2,63}", text) or text.lower() in ("authorization", "host"):
        raise ValueError("not the name of a header for certificates")
    return text


@dataclass(frozen=True)
class IdentitySettings(ProcessSettings):
    """Whose word the gateway takes, and the key by which services know its own.

    Production mode refuses what would let in whoever has read the source. Without `database_url` there are no built-in
    accounts. `certificate_header` is believed of `proxies` only. Times in seconds.
    """

    token: str = env("WANGGE_TOKEN", default="", secret=True)
    actor_key: str = env("WANGGE_ACTOR_KEY", default=DEVELOPMENT_ACTOR_KEY, secret=True, parse=parse_private_key)
    issuers: tuple[Issuer, ...] = env("WANGGE_ISSUERS", default=(), parse=parse_issuers)
    database_url: str = env("DATABASE_URL", default="", secret=True)
    identity_key: str = env("WANGGE_IDENTITY_KEY", default=DEVELOPMENT_IDENTITY_KEY, secret=True, parse=_identity_key)
    access_seconds: int = env("WANGGE_ACCESS_SECONDS", default=300, parse=integer(30, 900))
    idle_seconds: int = env("WANGGE_SESSION_IDLE_SECONDS", default=12 * 3600, parse=integer(300, 7 * 24 * 3600))
    session_seconds: int = env("WANGGE_SESSION_SECONDS", default=7 * 24 * 3600, parse=integer(300, 30 * 24 * 3600))
    two_factor_roles: frozenset[str] = env("WANGGE_TWO_FACTOR_ROLES", default=_roles(PRIVILEGED), parse=_roles)
    proxies: tuple[Network, ...] = env("WANGGE_TRUSTED_PROXIES", default=(), parse=parse_networks)
    certificate_header: str = env("WANGGE_CERTIFICATE_HEADER", default="", parse=_header)

    def __post_init__(self) -> None:
        """Refuse combinations that must never serve a county; raises SettingsError."""
        problems = _refused_in_production(self) if self.mode == "production" else _refused_in_development(self)
        if self.certificate_header and not self.proxies:
            problems["WANGGE_CERTIFICATE_HEADER"] = "needs WANGGE_TRUSTED_PROXIES: anybody else could send it"
        if problems:
            raise SettingsError(problems)


def _refused_in_production(settings: IdentitySettings) -> dict[str, str]:
    problems: dict[str, str] = {}
    if settings.token:
        problems["WANGGE_TOKEN"] = "a development token; production mode refuses to start with one"  # noqa: S105
    if settings.actor_key == DEVELOPMENT_ACTOR_KEY:
        problems["WANGGE_ACTOR_KEY"] = "missing, or the development key"
    weak = [each.issuer for each in settings.issuers if not each.is_safe()]
    if weak:
        problems["WANGGE_ISSUERS"] = f"production mode takes keys over https only, not those of {', '.join(weak)}"
    elif not settings.issuers and not settings.database_url:
        problems["WANGGE_ISSUERS"] = "missing, and DATABASE_URL too: nobody could ever sign in"
    if settings.database_url and not _is_safe_key(settings.identity_key):
        problems["WANGGE_IDENTITY_KEY"] = "missing, or a development or constant key"
    if any(each.prefixlen == 0 for each in settings.proxies):
        problems["WANGGE_TRUSTED_PROXIES"] = "names every address there is"
    return problems


def _refused_in_development(settings: IdentitySettings) -> dict[str, str]:
    return {} if settings.token else {"WANGGE_TOKEN": "missing: development mode needs its bearer token"}


def _is_safe_key(text: str) -> bool:
    try:
        Sealing(text, mode="production")
    except ValueError:
        return False
    return text != DEVELOPMENT_IDENTITY_KEY
