"""`python -m tests.chaos.broken BREAKAGE MODULE`: a process of dispatch, broken on purpose, for the checker to catch.

These mistakes exist nowhere but here: they are the ones that outbox, idempotency keys and clocks are there to prevent.
"""

from __future__ import annotations

import os
import runpy
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.chaos.faults import Fault

HELD_SECONDS = 1.0
ROUNDS = 6


@dataclass(frozen=True)
class Breakage:
    """`process`: which of dispatch's it is for; `rule`: which must find it; `faults`: that bring it out."""

    process: str
    spoil: Callable[[], None]
    rule: str
    faults: tuple[tuple[str, str], ...]

    def plan(self) -> list[Fault]:
        """The faults several times, without a rest within a round."""
        of_a_round = [Fault(kind, target, 0.0, 0.0) for kind, target in self.faults]
        return [fault for _ in range(ROUNDS) for fault in (*of_a_round[:-1], replace(of_a_round[-1], rest=5.0))]


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


def events_that_are_told_before_the_commit() -> None:
    """Events go out while their transaction is open: what is rolled back afterwards has been told all the same."""
    import eventlet

    eventlet.monkey_patch()
    from chassis.link import Link, Message
    from services.dispatch.adapters import unit_of_work

    put = unit_of_work.put

    def hasty(connection: Any, table: Any, rows: Any) -> None:
        put(connection, table, rows)
        if not any(".incident." in row.routing_key for row in rows):
            return  # the county is to be filled as ever
        import pika

        with Link(os.environ["AMQP_URL"], name="hasty") as link:
            for row in rows:
                properties = pika.BasicProperties(message_id=str(row.message_id), delivery_mode=2)
                link.publish(Message(row.exchange, row.routing_key, row.body, properties))
        # A transaction that has told its event is open for a while: something may happen to it now.
        eventlet.sleep(HELD_SECONDS)

    unit_of_work.put = hasty


def inbox_that_nobody_reads() -> None:
    """Every event is new, however often it comes."""
    import eventlet

    eventlet.monkey_patch()
    from services.dispatch.adapters.message_store import MessageStore

    MessageStore.fresh = lambda self, connection, handler, ids: set(ids)  # type: ignore[method-assign]


def messages_acknowledged_before_the_commit() -> None:
    """The broker forgets a message first and it is handled a second later: whoever dies in between has lost it."""
    import eventlet

    eventlet.monkey_patch()
    from chassis.nameko.batches import Batches

    run = Batches._run

    def late(self: Batches, batch: list[Any]) -> BaseException | None:
        self._link.ack(batch[-1].tag, multiple=True)
        self._link.step(0)
        eventlet.sleep(HELD_SECONDS)
        return run(self, batch)

    Batches._run = late  # type: ignore[method-assign]
    settle = Batches._settle

    def settled(self: Batches, batch: list[Any]) -> None:
        acknowledge, self._link.ack = self._link.ack, Acknowledged(self._link.ack)
        try:
            settle(self, batch)
        finally:
            self._link.ack = acknowledge

    Batches._settle = settled  # type: ignore[method-assign]


class Acknowledged:
    """Acknowledges each tag once: a second time would close the channel and give the mistake away."""

    def __init__(self, acknowledge: Callable[..., None]) -> None:
        self._acknowledge = acknowledge
        self._highest = 0

    def __call__(self, tag: int, *, multiple: bool = False) -> None:
        if tag > self._highest:
            self._highest = tag
            self._acknowledge(tag, multiple=multiple)


def keys_that_nobody_remembers() -> None:
    """Every command is new: a caller who asks again, or a broker that delivers again, has it done again."""
    import eventlet

    eventlet.monkey_patch()
    from chassis import idempotency

    recall = idempotency.recall
    idempotency.recall = lambda connection, table, _keys, beside=(): recall(connection, table, [], beside)
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


def clock_that_takes_no_locks() -> None:
    """Due rows are only read, everybody acts on what he has read, and nobody looks whether that was done already."""
    from chassis import deadline_table
    from services.dispatch.application import deadlines
    from services.dispatch.domain import firing

    claim = deadline_table.DeadlineTable.claim

    def read(self: Any, connection: Any, limit: int, leave: Any = ()) -> Any:
        which, parameters = self._due_except(leave)
        rows = connection.exec_driver_sql(
            f"SELECT d.subject::text, d.kind, d.generation, d.due_at FROM {self._source} WHERE {which} LIMIT %s",
            (*parameters, limit),
        ).all()
        # As long as a slow replica might take, or one that was frozen between reading and acting.
        time.sleep(HELD_SECONDS / 4)
        claim(self, connection, limit, leave)
        return [deadline_table.Deadline(*row) for row in rows]

    def act(incident: Any, kind: str, generation: int, due_at: Any, now: Any, ladder: Any) -> Any:
        clock = incident.clockwork.find(kind.partition(".")[2], generation)
        if kind.startswith("breach.") and clock is not None and clock.breached:
            clock.breach = None
        return firing.fire(incident, kind, generation, due_at, now, ladder)

    deadline_table.DeadlineTable.claim = read  # type: ignore[method-assign]
    deadlines.fire = act


BREAKAGES: dict[str, Breakage] = {
    "relay": Breakage(
        "sidecar", relay_that_deletes_before_it_publishes, "every_event_was_told",
        (("kill", "dispatch-sidecar"), ("kill", "dispatch-sidecar-b")),
    ),
    "early": Breakage(
        "service", events_that_are_told_before_the_commit, "every_event_was_told", (("reset", "db"), ("reset", "db")),
    ),
    "inbox": Breakage("service", inbox_that_nobody_reads, "grid_tree", (("again", "queues"), ("again", "queues"))),
    "keys": Breakage("service", keys_that_nobody_remembers, "a_key_has_one_effect", (("again", "queues"),)),
    "ack": Breakage(
        "service", messages_acknowledged_before_the_commit, "published_is_applied_or_dead",
        (("commands", "queues"), ("kill", "dispatch"), ("kill", "dispatch-b")),
    ),
    "clock": Breakage(
        "sidecar", clock_that_forgets_every_third_breach, "breached_if_and_only_if_late", (("reset", "amqp"),),
    ),
    "leaderless": Breakage("sidecar", clock_that_takes_no_locks, "a_breach_is_told_once", (("reset", "amqp"),)),
}  # fmt: skip


def main() -> None:
    breakage, module = sys.argv[1:]
    broken = BREAKAGES[breakage]
    if module.endswith(broken.process):
        broken.spoil()
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
