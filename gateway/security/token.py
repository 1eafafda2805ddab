"""Who is calling, by the development token that `wangge up` prints (RFC 6750 bearer). OIDC takes this place later."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from chassis.errors import Unauthorised


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or system behind a request; opaque ids only. Services decide on these, the gateway does not."""

    subject: str
    client: str
    roles: tuple[str, ...]
    jurisdiction: str

    def as_header(self) -> str:
        """JSON text for the AMQP header `nameko.actor`."""
        fields: dict[str, Any] = {
            "subject": self.subject,
            "client": self.client,
            "roles": self.roles,
            "jurisdiction": self.jurisdiction,
        }
        return orjson.dumps(fields).decode()


class Authority(Protocol):
    """What recognises a caller."""

    def recognise(self, authorization: str | None) -> Actor:
        """The actor behind an Authorization header. Raises Unauthorised: missing_token or invalid_token."""


DEVELOPER = Actor(subject="dev", client="dev-token", roles=("ops",), jurisdiction="")


class DevelopmentToken:
    """One fixed bearer token, compared in constant time. An empty token (production mode) recognises nobody."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def recognise(self, authorization: str | None) -> Actor:
        """The developer, for the right token. Raises Unauthorised: missing_token or invalid_token."""
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not given.strip():
            raise Unauthorised("an Authorization header with a bearer token is required")
        if not self._token or not hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token):
            raise Unauthorised("the bearer token is not known here", code="invalid_token")
        return DEVELOPER
