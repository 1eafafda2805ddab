"""`python -m tests.chaos.broken BREAKAGE MODULE`: a process of dispatch, broken on purpose, for the checker to catch.

These mistakes exist nowhere but here: they are the ones that outbox, idempotency keys and clocks are there to prevent.
"""

from __future__ import annotations

import runpy
import sys
import time
from collections.abc import Callable
from typing import Any

HELD_SECONDS = 1.0


def relay_that_deletes_before_it_publishes() -> None:
    """Rows leave the outbox first and go out a second later: what dies in between was never told to anybody."""
    from chassis.outbox_rows import OutboxClaim, message_of
    from chassis.relay import Relay

    held: list[tuple[float, Any]] = []

    def relay_once(self: Relay, link: Any) -> int:
        with self._engine.begin() as connection:
            claim = OutboxClaim(connection, self._table, self._owner, self._window)
            if claim.is_ours() and (rows := claim.first(self._window)):
                claim.delete([row.id for row in rows])
                held.extend((time.monotonic(), message_of(row)) for row in rows)
        ripe = [message for at, message in held if time.monotonic() - at > HELD_SECONDS]
        del held[: len(ripe)]
        if ripe:
            link.publish_all(ripe, HELD_SECONDS)
        return len(ripe)

    Relay.relay_once = relay_once  # type: ignore[method-assign]


def keys_that_nobody_remembers() -> None:
    """Every command is new: a caller who asks again, or a broker that delivers again, has it done again."""
    import eventlet

    eventlet.monkey_patch()
    from chassis import idempotency

    idempotency.recall = lambda *_: {}
    idempotency.remember = lambda *_: None


def clock_that_forgets_every_third_breach() -> None:
    """Deadlines are taken from the table and some are not acted on: somebody is late and nobody hears of it."""
    from chassis import deadlines

    made = deadlines.DeadlineClock.__init__

    def make(self: Any, engine: Any, table: Any, fire: Callable[[Any, list[Any]], None], **named: Any) -> None:
        count = 0

        def forgetful(connection: Any, rows: list[Any]) -> None:
            nonlocal count
            kept = []
            for row in rows:
                count += row.kind.startswith("breach.")
                if not (row.kind.startswith("breach.") and count % 3 == 0):
                    kept.append(row)
            fire(connection, kept)

        made(self, engine, table, forgetful, **named)

    deadlines.DeadlineClock.__init__ = make  # type: ignore[method-assign]


BREAKAGES: dict[str, tuple[str, Callable[[], None]]] = {
    # name: the process it is for, what to do to it
    "relay": ("sidecar", relay_that_deletes_before_it_publishes),
    "keys": ("service", keys_that_nobody_remembers),
    "clock": ("sidecar", clock_that_forgets_every_third_breach),
}


def main() -> None:
    breakage, module = sys.argv[1:]
    process, spoil = BREAKAGES[breakage]
    if module.endswith(process):
        spoil()
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
