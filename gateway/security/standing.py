"""What a credential was found to stand for."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from chassis.actor import Actor


@dataclass(frozen=True, slots=True)
class Standing:
    """Who, and until when (Unix time in seconds).

    Of the gateway's own credentials (`own`) also what can be taken back: the `version` of the account or API client it
    was made for, and the `session`. With `setup` the account has to be set up first and may do nothing else.
    """

    actor: Actor
    ends: float
    version: int = 0
    session: UUID | None = None
    setup: bool = False
    own: bool = False
