"""The issuers whose tokens are taken (OpenID Connect, RFC 9068): who they are, what they may say, as configured.

WANGGE_ISSUERS is a JSON array, one object an issuer:

    [{"issuer": "https://id.example", "audiences": ["wangge"], "roles_claim": "realm_access.roles",
      "role_names": {"wangge-ops": "ops"}, "jurisdiction_claim": "grid", "jurisdiction": "999999001"}]
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from contracts.rights.roles import GRANTED_TO_DEVELOPERS, GRANTED_TO_PROCESSES, ROLES

ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"})
"""Every algorithm that may ever be allowed. No shared secret among them: a public key must never serve as one."""
ACCESS_TOKEN = "at+jwt"  # noqa: S105 (a media type, RFC 9068)
_CODE = re.compile(r"[0-9]{2,17}")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Issuer:
    """One issuer and the limits of what it is believed.

    `jwks_uri`: where its keys are; empty: what its discovery document says. `types`: values of the header `typ`;
    `access_claims` are claims an access token must have, required where an ID token could have the same `typ`.
    Claims may be named by a path (`realm_access.roles`). `role_names` turns its roles into ours; without it only names
    of ours count. `roles` and `jurisdiction` bound what it may give: a town's issuer gives no rights in another town.
    """

    issuer: str
    audiences: tuple[str, ...]
    jwks_uri: str = ""
    algorithms: frozenset[str] = frozenset({"RS256", "PS256", "ES256", "Ed25519"})
    types: frozenset[str] = frozenset({ACCESS_TOKEN})
    access_claims: Mapping[str, Any] = field(default_factory=dict)
    roles_claim: str = "roles"
    role_names: Mapping[str, str] = field(default_factory=dict)
    roles: frozenset[str] = frozenset()
    jurisdiction_claim: str = "jurisdiction"
    jurisdiction: str = ""
    client_claim: str = "client_id"
    leeway_seconds: int = 30
    longest_seconds: int = 24 * 3600

    def __post_init__(self) -> None:
        """Refuse what would believe too much. Raises ValueError."""
        require(bool(self.audiences) and all(self.audiences), "audiences must name this system")
        require(bool(self.algorithms) and self.algorithms <= ASYMMETRIC, f"algorithms are among {sorted(ASYMMETRIC)}")
        require(bool(self.types), "types must name the type of an access token")
        if self.types != {ACCESS_TOKEN}:
            require(bool(self.access_claims), "types other than at+jwt need access_claims, which ID tokens do not have")
        require(0 <= self.leeway_seconds <= 300, "leeway_seconds is 0 to 300")
        require(60 <= self.longest_seconds <= 7 * 24 * 3600, "longest_seconds is a minute to a week")
        require(not self.jurisdiction or bool(_CODE.fullmatch(self.jurisdiction)), "jurisdiction is a grid code")
        named = {*self.role_names.values(), *self.roles}
        require(all(is_role(role) for role in named), f"roles are among {', '.join(sorted(filter(is_role, ROLES)))}")

    def is_safe(self) -> bool:
        """Whether nobody on the way can put keys of their own in: https, or nothing on the way at all."""
        return all(_is_https(url) for url in (self.issuer, self.jwks_uri) if url)

    def is_loopback(self) -> bool:
        """Whether every address of it is on this machine."""
        return all(urlsplit(url).hostname in _LOOPBACK for url in (self.issuer, self.jwks_uri) if url)


def require(sound: bool, rule: str) -> None:  # noqa: FBT001 (reads as the rule it enforces)
    """Raises ValueError with `rule` unless it is kept."""
    if not sound:
        raise ValueError(rule)


def is_role(text: str) -> bool:
    """True for a role that a person or a client may have."""
    return text in ROLES and text not in (GRANTED_TO_DEVELOPERS, GRANTED_TO_PROCESSES)


def is_jurisdiction(text: str) -> bool:
    """True for a code of the division and grid tree."""
    return _CODE.fullmatch(text) is not None


def parse_issuers(text: str) -> tuple[Issuer, ...]:
    """The issuers in WANGGE_ISSUERS. Raises ValueError saying which one breaks what rule."""
    try:
        entries = json.loads(text)
    except ValueError:
        raise ValueError("not JSON") from None
    require(isinstance(entries, list) and all(isinstance(each, dict) for each in entries), "not an array of objects")
    found = tuple(_issuer(entry) for entry in entries)
    require(len({each.issuer for each in found}) == len(found), "an issuer stands twice")
    return found


def _issuer(entry: dict[str, Any]) -> Issuer:
    url = str(entry.get("issuer", ""))
    parts = urlsplit(url)
    require(parts.scheme in ("https", "http") and bool(parts.hostname), "issuer must be an address")
    require(not parts.query and not parts.fragment, f"{url}: an issuer has no query and no fragment")
    unknown = entry.keys() - {each.name for each in fields(Issuer)}
    require(not unknown, f"{url}: there is no {', '.join(sorted(unknown))}")
    try:
        found = Issuer(**{name: _frozen(name, value) for name, value in entry.items()})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{url}: {error}") from None
    require(found.is_safe() or found.is_loopback(), f"{url}: only https, or http on this machine")
    return found


_KIND: Mapping[str, type] = {
    "audiences": tuple, "algorithms": frozenset, "types": frozenset, "roles": frozenset, "access_claims": dict,
    "role_names": dict, "leeway_seconds": int, "longest_seconds": int,
}  # fmt: skip


def _frozen(name: str, value: Any) -> Any:
    kind = _KIND.get(name, str)
    if kind in (tuple, frozenset):
        require(isinstance(value, list) and all(isinstance(each, str) for each in value), f"{name} must be a list")
        return kind(value)
    require(type(value) is kind, f"{name} must be of type {kind.__name__}")
    return value


def _is_https(url: str) -> bool:
    return urlsplit(url).scheme == "https"
