"""Who calls and until when: what travels in the AMQP headers of a call."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chassis.actor import NOBODY, Actor
from chassis.errors import MalformedRequest

DEADLINE_HEADER = "nameko.deadline"
ACTOR_HEADER = "nameko.actor"
TRACEPARENT_HEADER = "nameko.traceparent"


@dataclass(frozen=True, slots=True)
class Call:
    """One call: ``deadline`` by this process's monotonic clock (None: none), ``actor`` the gateway vouches for."""

    deadline: float | None = None
    actor: Actor = NOBODY
    traceparent: str | None = None

    def is_late(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline

    def seconds_left(self) -> float | None:
        """Seconds until the deadline, never negative; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())


def call_of(headers: Mapping[str, Any], expiration: str | None = None, *, recognise: Callable[[object], Actor]) -> Call:
    """The call that a message describes, just arrived.

    Raises MalformedRequest naming the header that cannot be read, and what ``recognise`` raises for the actor's.

    ``expiration`` is the message's own (milliseconds): the broker has watched it so far and we go on from here, so that
    the wall clocks of two hosts need not agree. Only a message without one is held to the time in its header.
    """
    told = headers.get(DEADLINE_HEADER)
    if told is not None and (not isinstance(told, int) or isinstance(told, bool)):
        raise MalformedRequest("must be whole milliseconds since 1970", field=DEADLINE_HEADER)
    deadline: float | None = None
    if expiration is not None and expiration.isdecimal():
        deadline = time.monotonic() + int(expiration) / 1000
    elif told is not None:
        deadline = time.monotonic() + told / 1000 - time.time()
    actor = recognise(headers.get(ACTOR_HEADER))
    traceparent = headers.get(TRACEPARENT_HEADER)
    return Call(deadline, actor, traceparent if isinstance(traceparent, str) else None)
