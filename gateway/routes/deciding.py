"""What the gateway itself decides: what a request is for, and who may use what it does without a service.

Everything else is decided by the service that does it, on the actor that travels with the call.
"""

from __future__ import annotations

from dataclasses import replace

from chassis.actor import Actor
from chassis.errors import Forbidden, InvalidInput
from contracts.rights.deciding import may
from contracts.rights.permissions import PURPOSES

PURPOSE_HEADER = "Wangge-Purpose"
DECIDED_HERE = frozenset({"stream.read", "feed.write"})
"""No service knows who reads the event stream; a feed is a way of sending commands, each decided by dispatch."""


def for_a_purpose(actor: Actor, stated: str | None) -> Actor:
    """The actor, with what this request is for. Raises InvalidInput for a purpose that nobody has declared."""
    if stated is None:
        return actor
    if stated not in PURPOSES:
        raise InvalidInput(
            f"is one of {', '.join(PURPOSES)}", code="unknown_purpose", field=PURPOSE_HEADER, rule="one_of"
        )
    return replace(actor, purpose=stated)


def refuse_unless_held(actor: Actor, permission: str) -> None:
    """Raises Forbidden naming the permission."""
    if not may(actor, permission):
        raise Forbidden(f"your roles do not give {permission}", rule="role", permission=permission)
