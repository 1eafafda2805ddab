"""Where dispatch's ports meet their adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from chassis import topology
from chassis.cleaner import Cleaner, chassis_cleaners
from chassis.database import create_engine, in_transaction
from chassis.deadlines import Deadline, DeadlineClock
from chassis.joining import Joiner
from chassis.nameko.problems import problem_of
from chassis.relay import Relay
from chassis.scope import COUNTY
from chassis.tracing import current_traceparent
from chassis.vault import Vault
from contracts.names import DISPATCH, REGISTRY
from services.dispatch.adapters import tables
from services.dispatch.adapters.audit import AuditReport, verify_timelines
from services.dispatch.adapters.denials import write as write_denials
from services.dispatch.adapters.looking import Look, Looks
from services.dispatch.adapters.message_store import MessageStore, Reply
from services.dispatch.adapters.moment import Shared
from services.dispatch.adapters.places import PlacesCache
from services.dispatch.adapters.policies import PolicyCache, PolicyRows
from services.dispatch.adapters.resealing import Resealed, reseal
from services.dispatch.adapters.unit_of_work import Transactions, Unit
from services.dispatch.application import execute as executing
from services.dispatch.application.access import wall_of
from services.dispatch.application.deadlines import fire_deadlines
from services.dispatch.application.denials import denial_of
from services.dispatch.application.index import EVENTS
from services.dispatch.application.policies import put_policy
from services.dispatch.application.ports import Actor, Answer, Denial, Fired, Request
from services.dispatch.domain.errors import Denied
from services.dispatch.settings import SealingSettings, Settings

# While one transaction waits for its commit another may think; more would only make smaller ones of them.
JOINED_AT_ONCE = 2
# Of the connections: two transactions of joined commands in each lane, two consumers, the health check.
KEPT_FOR_COMMANDS = 2 * JOINED_AT_ONCE + 3
MIGRATIONS = Path(__file__).parent / "migrations"

__all__ = ["AuditReport", "Dispatch", "Reply", "verify_timelines"]


@dataclass(frozen=True)
class Dispatch:
    """The use cases with their adapters in place: what the entrypoints call."""

    transactions: Transactions
    looks: Looks
    messages: MessageStore
    joined: Joiner[Sequence[Request], list[list[Answer]]]
    intake: Joiner[Sequence[Request], list[list[Answer]]]
    """A lane of its own: a call for help waits for no lock of an incident that others are at work on."""

    def execute(self, batch: Sequence[Any], actor: Actor) -> list[Answer]:
        """Answer a batch of commands; see `execute_requests`."""
        return self.execute_requests([Request(batch, actor, current_traceparent())])[0]

    def execute_requests(self, requests: Sequence[Request]) -> list[list[Answer]]:
        """Answer each request, in one transaction with those of others who ask at the same time.

        Raises Invalid `too_many_commands`, and what is retryable because then nothing was done.
        """
        executing.refuse_too_many(requests)
        return self.intake(requests) if executing.only_take_in(requests) else self.joined(requests)

    def ask(self, query: Callable[..., dict[str, Any]], actor: Actor, *arguments: Any, **named: Any) -> dict[str, Any]:
        """What a query of `application` answers to an actor, from one snapshot. A denial goes on the record."""

        def look(reading: Look) -> dict[str, Any]:
            return query(reading, actor, *arguments, **named)

        try:
            return self.looks(look, wall_of(actor))
        except Denied as denied:
            self.record([denial_of(actor, query.__name__, denied)])
            raise

    def record(self, denials: Sequence[Denial]) -> None:
        """Put denied requests on the record."""
        in_transaction(self.transactions.engine, lambda connection: write_denials(connection, denials), scope=COUNTY)

    def take_events(self, handler: str, events: Mapping[Any, tuple[str, Mapping[str, Any]]]) -> None:
        """Apply events (type, data) by message id: those that the inbox has not seen, in one transaction."""

        def work(unit: Unit) -> None:
            fresh = self.messages.fresh(unit.connection, handler, list(events))
            told: dict[str, list[Mapping[str, Any]]] = {}
            for message_id, (type_, data) in events.items():
                if message_id in fresh:
                    told.setdefault(type_, []).append(data)
            for type_, batch in told.items():
                EVENTS[type_](unit, batch)

        self.transactions(work)


def build(settings: Settings, engine: Engine) -> Dispatch:
    """The use cases on one database; its grid tree and its policies are held once per process."""
    shared = shared_by(settings)
    transactions = Transactions(engine, shared)

    def run(turn: list[Sequence[Request]]) -> list[list[list[Answer]]]:
        answers = iter(executing.execute_together([each for asked in turn for each in asked], transactions, _problem))
        return [[next(answers) for _ in asked] for asked in turn]

    joined, intake = (
        Joiner(run, weigh=executing.weight, most=executing.MOST_COMMANDS, at_once=JOINED_AT_ONCE) for _ in range(2)
    )
    return Dispatch(
        transactions,
        Looks(engine, shared, settings.database_connections - KEPT_FOR_COMMANDS),
        MessageStore(engine, tables.chassis),
        joined,
        intake,
    )


def shared_by(settings: Settings) -> Shared:
    """What all transactions of a process share. Raises ValueError for a development key in production mode."""
    return Shared(
        places=PlacesCache(ZoneInfo(settings.timezone)),
        policies=PolicyCache(),
        vault=Vault.from_text(settings.master_key, mode=settings.mode),
    )


def migrate(database_url: str) -> None:
    """Bring the database to the newest schema; one process at a time, the others wait."""
    from chassis.migrations import upgrade

    upgrade(MIGRATIONS, database_url)


def put_policies(engine: Engine, policies: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[int, bool]]:
    """Policy id to the version that now holds its rules, and whether that is new; all or none. Raises Invalid."""

    def work(connection: Connection) -> dict[str, tuple[int, bool]]:
        rows = PolicyRows(connection)
        return {policy_id: put_policy(rows, policy_id, rules) for policy_id, rules in policies.items()}

    return in_transaction(engine, work)


def reseal_contacts(
    engine: Engine, settings: SealingSettings, told: Callable[[Resealed], None]
) -> tuple[str, Resealed]:
    """The present master key's name, and what `reseal` did with it."""
    vault = Vault.from_text(settings.master_key, mode=settings.mode)
    return vault.current, reseal(engine, vault, told)


def service_engine(settings: Settings) -> Engine:
    """The engine of the service process. Commands that are joined and consumers need few; the rest is for queries."""
    return create_engine(
        settings.database_url, name="dispatch", pool_size=settings.database_connections,
        relay_port=settings.relay_port, by_key=True,
    )  # fmt: skip


def sidecar_engine(settings: Settings) -> Engine:
    """The engine of the sidecar: the relay, the deadline clock's two connections, the cleaners, the health check."""
    return create_engine(settings.database_url, name="dispatch-sidecar", pool_size=6, scope=COUNTY, by_key=True)


def declare(amqp_url: str) -> None:
    """Dispatch's exchanges, the registry's that it listens to, and the stream. Idempotent."""
    topology.declare(amqp_url, [DISPATCH, REGISTRY])
    topology.declare_stream(amqp_url, [DISPATCH, REGISTRY])


def relay(settings: Settings, engine: Engine) -> Relay:
    """The relay of dispatch's outbox."""
    return Relay(
        engine, tables.chassis.outbox, settings.amqp_url, DISPATCH, port=settings.relay_port, awaits=[topology.STREAM]
    )


def deadline_clock(settings: Settings, engine: Engine) -> DeadlineClock:
    """The clock whose deadlines run the same domain as every command (docs/decisions/0010), a batch a transaction."""
    transactions = Transactions(engine, shared_by(settings))

    def fire(connection: Connection, rows: list[Deadline]) -> None:
        fired = [Fired(UUID(row.subject), row.kind, row.generation, row.due_at) for row in rows]
        transactions.within(connection, lambda unit: fire_deadlines(unit, fired))

    return DeadlineClock(
        engine, tables.chassis.deadline, fire, subject_table=tables.incident, subject_column="incident_id"
    )


def cleaners(settings: Settings, engine: Engine) -> list[Cleaner]:
    """The cleaners of the tables that every service has, and of the record of denials."""
    kept = timedelta(days=settings.denials_days)
    return [*chassis_cleaners(engine, tables.chassis), Cleaner(engine, tables.denial, "recorded_at", kept)]


def _problem(error: Exception) -> dict[str, Any]:
    return problem_of(error, "execute")
