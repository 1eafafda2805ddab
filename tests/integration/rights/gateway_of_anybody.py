"""The gateway, recognising whomever an assertion for it names: what accounts and an issuer do elsewhere."""

from __future__ import annotations

from chassis.actor import Actor
from chassis.assertions import DEVELOPMENT_ACTOR_KEY, Verifier, public_key_of
from chassis.errors import Unauthenticated
from gateway import __main__, app
from gateway.security.token import DevelopmentToken


class Anybody(DevelopmentToken):
    """Takes an assertion as the bearer token."""

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self._recognise = Verifier(public_key_of(DEVELOPMENT_ACTOR_KEY), "gateway", mode="development")

    def actor(self, token: str) -> Actor | None:
        try:
            return self._recognise(token)
        except Unauthenticated:
            return super().actor(token)


if __name__ == "__main__":
    app.DevelopmentToken = Anybody  # type: ignore[misc]
    __main__.main()
