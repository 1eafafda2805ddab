"""The county's books: one writer at a time, state and events in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Engine, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from chassis import outbox
from chassis.database import database_now, in_transaction
from chassis.scope import COUNTY
from services.registry.adapters import repositories
from services.registry.adapters.announcements import announcement_of_current, announcements
from services.registry.adapters.tables import chassis, tree_state
from services.registry.application.ports import Books, WithBooks
from services.registry.domain.versions import Versioned

T = TypeVar("T")
WRITER_LOCK = "wangge.registry.books"


class TransactionBooks:
    """Meets the port Books within one open transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._now = database_now(connection)
        self.grids = repositories.grids(connection)
        self.centres = repositories.centres(connection)
        self.posts = repositories.posts(connection)

    def now(self) -> datetime:
        """The database's clock when the lock was won: later than every change before."""
        return self._now

    def announce(self, changed: Iterable[Versioned[Any]]) -> int:
        return self._put([message for thing in changed for message in announcements(thing, self._now)])

    def announce_current(self, things: Iterable[Versioned[Any]]) -> int:
        return self._put([message for thing in things for message in announcement_of_current(thing, self._now)])

    def tree_changed(self) -> int:
        counted = insert(tree_state).values(id=1, version=1)
        counted = counted.on_conflict_do_update(index_elements=["id"], set_={"version": tree_state.c.version + 1})
        return int(self._connection.execute(counted.returning(tree_state.c.version)).scalar_one())

    def _put(self, messages: list[outbox.Outgoing]) -> int:
        outbox.put(self._connection, chassis.outbox, messages)
        return len(messages)


def with_books(engine: Engine) -> WithBooks:
    """Meets the port WithBooks. A second writer waits: rules between nodes need the tree to hold still."""

    def run(work: Callable[[Books], T]) -> T:
        def in_lock(connection: Connection) -> T:
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(WRITER_LOCK, 0))))
            return work(TransactionBooks(connection))

        return in_transaction(engine, in_lock, scope=COUNTY)

    return run
