"""Where the registry's ports meet their adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from chassis import topology
from chassis.actor import Actor
from chassis.cleaner import Cleaner, chassis_cleaners
from chassis.database import create_engine
from chassis.relay import Relay
from chassis.scope import COUNTY, scope_of
from contracts.names import REGISTRY
from services.registry.adapters.books import with_books
from services.registry.adapters.locator import TreeLocator
from services.registry.adapters.reader import SqlReader
from services.registry.adapters.survey import ShapelySurveyor
from services.registry.adapters.tables import chassis
from services.registry.application import announce as announcing
from services.registry.application import queries
from services.registry.application.access import areas_of
from services.registry.application.announce import Progress
from services.registry.application.county_import import import_county
from services.registry.application.report import ImportReport
from services.registry.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
# An import of a large county thinks for seconds between two statements, and stores a hundred thousand rows in one;
# another command waits that long for its lock.
_COMMAND_TIMEOUTS: dict[str, Any] = {
    "statement_timeout_ms": 120_000,
    "idle_in_transaction_timeout_ms": 300_000,
    "lock_timeout_ms": 60_000,
}


Query = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Answers:
    """The queries with their adapters in place, by the name they are asked by."""

    get_grid: Callable[..., dict[str, Any]]
    children: Callable[..., dict[str, Any]]
    history: Callable[..., dict[str, Any]]
    locate: Callable[..., dict[str, Any]]
    list_centres: Callable[..., dict[str, Any]]
    list_posts: Callable[..., dict[str, Any]]
    tree: Callable[..., dict[str, Any]]


def service_engine(settings: Settings) -> Engine:
    """The engine of the service process: room for every worker and the health check."""
    return create_engine(settings.database_url, name="registry", pool_size=settings.rpc_workers + 1)


def answers(engine: Engine) -> Answers:
    """Queries on one database; they share one map of the tree, and each looks with the scope of whom it is for."""
    locator, whole = TreeLocator(engine), SqlReader(engine, COUNTY)

    def within(query: Query) -> Query:
        def ask(actor: Actor, *arguments: Any, **named: Any) -> dict[str, Any]:
            return query(SqlReader(engine, scope_of(areas_of(actor))), actor, *arguments, **named)

        return ask

    return Answers(
        get_grid=within(queries.get_grid),
        children=within(queries.children),
        history=within(queries.history),
        # Who answers for a point is for whoever takes calls, wherever it is.
        locate=partial(queries.locate, whole, locator),
        list_centres=within(queries.list_centres),
        list_posts=within(queries.list_posts),
        tree=within(queries.tree),
    )


def declare(amqp_url: str) -> None:
    """The registry's exchanges, and the stream that every event also lands in. Idempotent."""
    topology.declare(amqp_url, [REGISTRY])
    topology.declare_stream(amqp_url, [REGISTRY])


def sidecar_engine(settings: Settings) -> Engine:
    """The engine of the sidecar: the relay, the cleaners, the health check."""
    return create_engine(settings.database_url, name="registry-sidecar", pool_size=4, scope=COUNTY, by_key=True)


def relay(settings: Settings, engine: Engine) -> Relay:
    """The relay of the registry's outbox."""
    return Relay(
        engine, chassis.outbox, settings.amqp_url, REGISTRY, port=settings.relay_port, awaits=[topology.STREAM]
    )


def cleaners(engine: Engine) -> list[Cleaner]:
    """The cleaners of the tables that every service has."""
    return chassis_cleaners(engine, chassis)


def import_files(
    database_url: str, files: Mapping[str, bytes], *, partial_: bool, valid_from: datetime | None = None
) -> ImportReport:
    """Take the files of a county into the books of this database."""
    engine = create_engine(database_url, name="registry-import", pool_size=1, **_COMMAND_TIMEOUTS)
    try:
        return import_county(with_books(engine), ShapelySurveyor(), files, partial=partial_, valid_from=valid_from)
    finally:
        engine.dispose()


def announce(database_url: str, progress: Progress) -> int:
    """Tell the books of this database once more; how many events."""
    engine = create_engine(database_url, name="registry-announce", pool_size=1, **_COMMAND_TIMEOUTS)
    try:
        return announcing.announce(with_books(engine), progress)
    finally:
        engine.dispose()


def migrate(database_url: str) -> None:
    """Bring the database to the newest schema; one process at a time, the others wait."""
    from chassis.migrations import upgrade

    upgrade(MIGRATIONS, database_url)
