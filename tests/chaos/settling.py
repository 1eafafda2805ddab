"""The time after the last fault: everything must come to rest by itself, within a promise."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

import pika
import pika.exceptions
import psycopg2

from cli.stack.broker import BrokerNode
from tests.chaos.messages import COMMANDS, GRID_TREE
from tests.chaos.stack import ChaosStack
from tests.support.eventually import eventually
from tests.support.machine import crowding

DRAIN_SECONDS = 30.0
SERVER_SECONDS = 90.0
CLOCK_SECONDS = 60.0
"""The slowest clock of an incident left alone: its target once for itself and once for every level above."""
QUEUES = tuple(
    f"{queue}{tail}" for queue in (COMMANDS, GRID_TREE) for tail in ("", ".retry.1s", ".retry.10s", ".retry.60s")
)


def servers_back(stack: ChaosStack) -> float:
    """Seconds until broker and database answer again: a server killed last is at fault until it has booted."""
    broker, cluster = stack.plan.broker, stack.plan.postgres
    assert broker is not None
    assert cluster is not None
    began = time.monotonic()
    eventually(lambda: works(broker) and cluster.answers(), within=SERVER_SECONDS, every=0.25)
    return time.monotonic() - began


def works(broker: BrokerNode) -> bool:
    """Not only answers: after a full disk it has to be started anew before it keeps a message again."""
    return broker.answers() and not broker.keeps_nothing()


@dataclass(frozen=True)
class Calm:
    """How the stack came to rest, in seconds: `drained` counts from when the servers were back.

    `allowed` is the promise of `DRAIN_SECONDS` for a machine of our own, stretched by how crowded this one was.
    """

    servers_back: float
    drained: float
    allowed: float
    crowding: float
    left: list[str]


def settle(stack: ChaosStack) -> Calm:
    """Wait until nothing waits anywhere and every part is ready; `left` says what still did when time was over."""
    back = servers_back(stack)
    busy = crowding()
    took, left = until_empty(lambda: waiting(stack), DRAIN_SECONDS * busy)
    return Calm(back, took, DRAIN_SECONDS * busy, busy, left)


def until_empty(look: Callable[[], list[str]], within: float) -> tuple[float, list[str]]:
    """Seconds until `look` found nothing, and what it found last."""
    began = time.monotonic()
    while True:
        left = look()
        took = time.monotonic() - began
        if not left or took > within:
            return took, left
        Event().wait(0.25)


def run_out(stack: ChaosStack) -> list[str]:
    """Wait until every clock of the run has come to its end and all of it is told; what has not by then."""
    return until_empty(lambda: still_running(stack) + waiting(stack), CLOCK_SECONDS)[1]


def still_running(stack: ChaosStack) -> list[str]:
    """Deadlines of this run; the offers' own lie far beyond it."""
    count = stack.query(
        "dispatch", "SELECT count(*) FROM deadline WHERE due_at < clock_timestamp() + interval '1 hour'"
    )
    return [f"deadlines armed: {count[0][0]}"] if count[0][0] else []


def waiting(stack: ChaosStack) -> list[str]:
    """What is not at rest: parts, outboxes, queues."""
    try:
        found = [f"{part} is not ready" for part in stack.unready()]
        counts = {name: stack.query(name, "SELECT count(*) FROM outbox")[0][0] for name in ("dispatch", "registry")}
        found += [f"outbox of {name}: {count}" for name, count in counts.items() if count]
        if due := stack.query("dispatch", "SELECT count(*) FROM deadline WHERE due_at < clock_timestamp()")[0][0]:
            found.append(f"deadlines due and not fired: {due}")
        found += [f"queue {queue}: {count}" for queue, count in depths(stack).items() if count]
    except (psycopg2.Error, pika.exceptions.AMQPError, OSError) as away:
        return [f"a server is away: {away!r}"]
    return found


def depths(stack: ChaosStack) -> dict[str, int]:
    """Messages that wait in each queue, by the broker's own count."""
    with pika.BlockingConnection(parameters(stack)) as connection:
        channel = connection.channel()
        return {queue: channel.queue_declare(queue, passive=True).method.message_count for queue in QUEUES}


def dead_ids(stack: ChaosStack) -> dict[str, set[str]]:
    """Ids of the messages in the dead queues, by the queue they came from; closing puts them back."""
    found: dict[str, set[str]] = {}
    with pika.BlockingConnection(parameters(stack)) as connection:
        channel = connection.channel()
        for queue in (COMMANDS, GRID_TREE):
            found[queue] = set()
            while (got := channel.basic_get(f"{queue}.dead"))[0] is not None:
                found[queue].add(str(got[1].message_id))
    return found


def parameters(stack: ChaosStack) -> pika.URLParameters:
    wanted = pika.URLParameters(stack.broker_url)
    wanted.socket_timeout = wanted.stack_timeout = 5
    return wanted
