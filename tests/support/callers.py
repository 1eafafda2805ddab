"""Callers as a gateway with the development key vouches for them."""

from __future__ import annotations

from typing import Any

from chassis.actor import DEVELOPMENT, EVERYWHERE, Actor
from chassis.assertions import DEVELOPMENT_ACTOR_KEY, Assertions

DEVELOPER = Actor("dev", "dev-token", ("developer",), (EVERYWHERE,), credential=DEVELOPMENT)
ASSERTIONS = Assertions(DEVELOPMENT_ACTOR_KEY)


def header(service: str, actor: Actor = DEVELOPER) -> dict[str, str]:
    """The header of a call to `service` on behalf of `actor`."""
    return {"nameko.actor": ASSERTIONS.of(actor, service)}


def person(*roles: str, subject: str = "p-0001", at: tuple[str, ...] = ("999999001",), **more: Any) -> Actor:
    """Somebody with these roles in these jurisdictions; every person is of the client `desk`."""
    return Actor(subject, "desk", roles, at, **more)
