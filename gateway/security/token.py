"""Who is calling, and the development token that `wangge up` prints (RFC 6750 bearer)."""

from __future__ import annotations

import hmac
from typing import Protocol

from chassis.actor import DEVELOPMENT, EVERYWHERE, Actor
from gateway.security.standing import Standing


class Authority(Protocol):
    """What recognises a caller."""

    async def recognise(self, authorization: str | None, certificate: str | None = None) -> Actor:
        """The actor behind an Authorization header, or behind a certificate that a trusted proxy has verified.

        Raises Unauthorised (missing_token, invalid_token), SetupRequired, or Unavailable when nobody can tell now.
        """

    async def standing(self, authorization: str | None, certificate: str | None = None) -> Standing:
        """What is shown stands for, also while the account must be set up first. Raises as `recognise` does."""


DEVELOPER = Actor("dev", "dev-token", ("developer",), (EVERYWHERE,), credential=DEVELOPMENT)


class DevelopmentToken:
    """One fixed bearer token, compared in constant time. An empty token (production mode) recognises nobody."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def actor(self, token: str) -> Actor | None:
        """The developer, for the right token; None for any other."""
        if self._token and hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._token):
            return DEVELOPER
        return None
