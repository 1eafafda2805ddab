"""What stands in the access tokens this gateway signs, and what it reads out of them again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from chassis.actor import CLIENT, PERSON, Actor
from chassis.ids import uuid7
from gateway.security.compact import BadToken
from gateway.security.issuer import Issuer
from gateway.security.standing import Standing

AUDIENCE = "wangge"
SETUP_AUDIENCE = "wangge/setup"
"""Of tokens with which a password can be changed and a second factor set up, and nothing else."""
ACCOUNT_CLIENT = "account"
LEEWAY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Terms:
    """Who signs, how long a token lives (seconds), and whose roles need a second factor."""

    issuer: str
    access_seconds: int = 300
    two_factor_roles: frozenset[str] = frozenset()

    def trusted(self) -> Issuer:
        """This gateway as an issuer whose tokens are taken."""
        return Issuer(
            self.issuer,
            (AUDIENCE, SETUP_AUDIENCE),
            algorithms=frozenset({"ES256"}),
            leeway_seconds=LEEWAY_SECONDS,
            longest_seconds=max(60, self.access_seconds),
        )

    def needs_setup(self, owner: Row[Any]) -> bool:
        """Whether an account must change its password or set up its second factor before it may do anything."""
        privileged = not self.two_factor_roles.isdisjoint(owner.roles)
        return bool(owner.must_change or (privileged and not owner.totp_confirmed))


def claims_of_account(owner: Row[Any], session_id: UUID, terms: Terms) -> dict[str, Any]:
    """The claims of a person's access token; without any right while the account needs to be set up."""
    setup = terms.needs_setup(owner)
    return {
        **_base(terms, owner.id, ACCOUNT_CLIENT, owner.version),
        "aud": SETUP_AUDIENCE if setup else AUDIENCE,
        "sid": str(session_id),
        "roles": [] if setup else list(owner.roles),
        "jurisdictions": [] if setup else list(owner.jurisdictions),
    }


def claims_of_client(row: Row[Any], terms: Terms) -> dict[str, Any]:
    """The claims of an API client's access token."""
    return {
        **_base(terms, row.id, row.name, row.version),
        "aud": AUDIENCE,
        "roles": list(row.roles),
        "jurisdictions": list(row.jurisdictions),
        **({} if row.scopes is None else {"scope": " ".join(row.scopes)}),
    }


def actor_of_client(row: Row[Any]) -> Actor:
    """Who an API client is."""
    scopes = None if row.scopes is None else tuple(row.scopes)
    return Actor(str(row.id), row.name, tuple(row.roles), tuple(row.jurisdictions), credential=CLIENT, scopes=scopes)


def own_standing(claims: dict[str, Any], ends: float) -> Standing:
    """Who a token that this gateway signed stands for. Raises BadToken when it was made by another release."""
    try:
        client = str(claims["client_id"])
        scope = claims.get("scope")
        actor = Actor(
            str(UUID(claims["sub"])),
            client,
            tuple(claims["roles"]),
            tuple(claims["jurisdictions"]),
            credential=PERSON if "sid" in claims else CLIENT,
            scopes=None if scope is None else tuple(scope.split()),
        )
        session_id = UUID(claims["sid"]) if "sid" in claims else None
        setup = claims["aud"] == SETUP_AUDIENCE
        return Standing(actor, ends, version=int(claims["ver"]), session=session_id, setup=setup, own=True)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadToken("malformed") from None


def _base(terms: Terms, subject: UUID, client: str, version: int) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": terms.issuer,
        "sub": str(subject),
        "iat": now,
        "exp": now + terms.access_seconds,
        "jti": str(uuid7()),
        "client_id": client,
        "ver": version,
    }
