"""Figures `wangge status` reads from the servers. Each may be unknown, none may hang."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import httpx
import psycopg2

from cli.stack.broker import PROBE_QUEUE
from cli.stack.packages import StackError
from cli.stack.plan import Plan
from contracts.names import STREAM

DEAD = ".dead"


@dataclass(frozen=True, slots=True)
class Queue:
    """Depth of one queue."""

    name: str
    messages: int
    consumers: int


@dataclass(frozen=True, slots=True)
class Outbox:
    """What a service has committed but not yet published; `oldest_seconds` is None when that is nothing."""

    service: str
    messages: int
    oldest_seconds: float | None


@dataclass(frozen=True)
class Figures:
    """None where the server did not say."""

    queues: list[Queue] | None
    outboxes: list[Outbox | None]
    stream_messages: int | None

    @property
    def dead_letters(self) -> int | None:
        return None if self.queues is None else sum(q.messages for q in self.queues if q.name.endswith(DEAD))

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "dead_letters": self.dead_letters}


def read_figures(plan: Plan) -> Figures:
    listed = list_queues(plan)
    queues = None if listed is None else [q for q in listed if q.name not in {STREAM, PROBE_QUEUE}]
    stream = next((q.messages for q in listed or () if q.name == STREAM), None)
    telling = [service.name for service in plan.parts.services if service.outbox]
    return Figures(queues, [read_outbox(plan, name) for name in telling], stream)


def list_queues(plan: Plan) -> list[Queue] | None:
    """All queues with a name of ours; None when the broker does not answer or is not our own node.

    Reply queues of callers (amq.*, rpc.reply…) come and go and say nothing.
    """
    if plan.broker is None or not plan.broker.answers():
        return None
    columns = ("name", "messages", "consumers")
    try:
        printed = plan.broker.control("list_queues", "-p", "wangge", "--formatter", "json", *columns, within=15)
    except (StackError, OSError):
        return None
    found = [Queue(q["name"], int(q["messages"] or 0), int(q["consumers"] or 0)) for q in json.loads(printed or "[]")]
    return sorted((q for q in found if not q.name.startswith(("amq.", "rpc.reply"))), key=lambda q: q.name)


def read_outbox(plan: Plan, service: str) -> Outbox | None:
    """Rows waiting in a service's outbox; None when the database does not answer or was never migrated."""
    try:
        connection = psycopg2.connect(
            plan.database_url(service), connect_timeout=2, options="-c statement_timeout=3000"
        )
    except psycopg2.Error:
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*), extract(epoch FROM clock_timestamp() - min(created_at)) FROM outbox")
            count, oldest = cursor.fetchone() or (0, None)
            return Outbox(service, int(count), None if oldest is None else max(0.0, float(oldest)))
    except psycopg2.Error:
        return None
    finally:
        connection.close()


def read_intake(address: str) -> dict[str, Any] | None:
    """How many taken calls wait in the gateway, and for how long; None when it does not answer within a second."""
    try:
        # Its readiness is in the status; what it keeps is told whether it is ready or not.
        found = httpx.get(f"{address}/ready", timeout=1.0).json().get("intake")
    except (httpx.HTTPError, ValueError, AttributeError):
        return None
    return found if isinstance(found, dict) and {"waiting", "oldest_seconds"} <= found.keys() else None
