"""On whose behalf something is done: what every decision about rights is made on, from the gateway to the row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PERSON, CLIENT, SERVICE, DEVELOPMENT, NONE = CREDENTIALS = ("person", "client", "service", "development", "none")
"""What proved who it is: an account's token, an API client's or broker user's key, our own process, a developer's token
(production mode knows none), nothing."""
EVERYWHERE = ""
"""As a jurisdiction: the prefix of every grid code, so the whole county."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Opaque ids only, nothing personal. An actor without roles may do nothing, one without jurisdictions sees nothing.

    `jurisdictions` are prefixes of grid codes; `purpose` is what this one request is for, if that was stated; `scopes`
    are the permissions that the credential is limited to, whatever the roles give (None: not limited).
    """

    subject: str
    client: str
    roles: tuple[str, ...] = ()
    jurisdictions: tuple[str, ...] = ()
    purpose: str | None = None
    credential: str = PERSON
    scopes: tuple[str, ...] | None = None

    def covers(self, code: str) -> bool:
        """Whether a grid code lies in a jurisdiction of this actor."""
        return code.startswith(self.jurisdictions)

    def within(self, prefix: str) -> tuple[str, ...]:
        """The prefixes that are left of the actor's jurisdictions inside `prefix`; none when they do not meet."""
        if self.covers(prefix):
            return (prefix,)
        return tuple(sorted({each for each in self.jurisdictions if each.startswith(prefix)}))

    @property
    def owner(self) -> str:
        """Whose an idempotency key is: of the client, and of the person too where a client serves several."""
        return f"{self.client}|{self.subject}" if self.credential == PERSON else self.client

    def to_claims(self) -> dict[str, Any]:
        """JSON-ready; `from_claims` gives an equal actor."""
        claims: dict[str, Any] = {
            "sub": self.subject,
            "client": self.client,
            "roles": list(self.roles),
            "jurisdictions": list(self.jurisdictions),
            "credential": self.credential,
        }
        if self.purpose is not None:
            claims["purpose"] = self.purpose
        if self.scopes is not None:
            claims["scopes"] = list(self.scopes)
        return claims

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Actor:
        """The actor of `to_claims`; other members are passed over. Raises ValueError for what is no actor."""
        scopes = claims.get("scopes")
        return cls(
            subject=_text(claims, "sub"),
            client=_text(claims, "client"),
            roles=_texts(claims.get("roles"), "roles"),
            jurisdictions=_texts(claims.get("jurisdictions"), "jurisdictions"),
            purpose=None if claims.get("purpose") is None else _text(claims, "purpose"),
            credential=_credential(claims),
            scopes=None if scopes is None else _texts(scopes, "scopes"),
        )

    @classmethod
    def of_service(cls, name: str) -> Actor:
        """One of our own processes, on nobody's behalf: a clock, a sidecar, the gateway carrying others' commands."""
        return cls(f"service:{name}", f"service:{name}", ("system",), (EVERYWHERE,), credential=SERVICE)


NOBODY = Actor("nobody", "nobody", credential=NONE)


def _credential(claims: Mapping[str, Any]) -> str:
    told = _text(claims, "credential")
    if told not in CREDENTIALS:
        raise ValueError("credential")
    return told


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(name)
    return value


def _texts(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise ValueError(name)
    return tuple(value)
