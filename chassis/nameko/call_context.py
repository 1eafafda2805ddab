"""Who calls and until when: what travels in the AMQP headers of a call."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from nameko.extensions import DependencyProvider

from chassis.errors import MalformedRequest

DEADLINE_HEADER = "nameko.deadline"
ACTOR_HEADER = "nameko.actor"
TRACEPARENT_HEADER = "nameko.traceparent"


@dataclass(frozen=True, slots=True)
class Call:
    """One call: ``deadline`` in epoch milliseconds (None: none), ``actor`` as the gateway verified it."""

    deadline: int | None = None
    actor: Mapping[str, Any] = field(default_factory=dict)
    traceparent: str | None = None

    def is_late(self) -> bool:
        return self.deadline is not None and time.time() * 1000 >= self.deadline

    def seconds_left(self) -> float | None:
        """Seconds until the deadline, never negative; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline / 1000 - time.time())


class CallContext(DependencyProvider):
    """Gives a service method ``self.call``: the ``Call`` it answers; an empty one in an events handler."""

    KEY = "wangge.call"

    def get_dependency(self, worker_ctx: Any) -> Call:
        call = worker_ctx.data.get(self.KEY)
        return call if isinstance(call, Call) else Call()


def call_of(headers: Mapping[str, Any]) -> Call:
    """The call that AMQP headers describe. Raises MalformedRequest naming the header that cannot be read."""
    deadline = headers.get(DEADLINE_HEADER)
    if deadline is not None and (not isinstance(deadline, int) or isinstance(deadline, bool)):
        raise MalformedRequest("must be whole milliseconds since 1970", field=DEADLINE_HEADER)
    try:
        actor = orjson.loads(headers.get(ACTOR_HEADER) or "{}")
    except ValueError as error:
        raise MalformedRequest("must be JSON", field=ACTOR_HEADER) from error
    if not isinstance(actor, dict):
        raise MalformedRequest("must be a JSON object", field=ACTOR_HEADER)
    traceparent = headers.get(TRACEPARENT_HEADER)
    return Call(deadline, actor, traceparent if isinstance(traceparent, str) else None)
