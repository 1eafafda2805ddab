"""One transaction: what it loaded, what it changed, and how that is written, once, in bulk."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from psycopg2 import errors as postgres
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from chassis.database import in_transaction
from chassis.idempotency import is_taken
from chassis.ids import uuid7
from chassis.outbox import put
from chassis.scope import COUNTY
from chassis.script import Script
from services.dispatch.adapters import saving
from services.dispatch.adapters.answers import AnswerRepository
from services.dispatch.adapters.clash import Clash
from services.dispatch.adapters.contacts import ContactRepository
from services.dispatch.adapters.denials import DenialRepository
from services.dispatch.adapters.incidents import IncidentRepository
from services.dispatch.adapters.moment import Moment, Shared
from services.dispatch.adapters.places import PlacesSnapshot
from services.dispatch.adapters.places_writer import PlacesWriterRepository
from services.dispatch.adapters.tables import chassis
from services.dispatch.adapters.teams import TeamRepository
from services.dispatch.application.ports import KeyTaken
from services.dispatch.domain.policy import PolicyBook

T = TypeVar("T")

# A clash is settled by the second look; a third one is for a third party.
_ATTEMPTS = 4


class Unit:
    """Implements `application.ports.UnitOfWork`."""

    def __init__(self, connection: Connection, shared: Shared) -> None:
        self.connection = connection
        self._moment = moment = Moment(connection, shared)
        self._centres_locked: set[str] = set()
        self.incidents = IncidentRepository(connection, moment.policies, moment.look)
        self.teams = TeamRepository(connection)
        self.places_writer = PlacesWriterRepository(connection)
        self.contacts = ContactRepository(connection, shared.vault)
        self.denials = DenialRepository()
        self.answers = AnswerRepository(connection, chassis.idempotency, moment.opened)

    @property
    def now(self) -> datetime:
        """The database's clock, read after the locks were had."""
        return self._moment.now

    @property
    def places(self) -> PlacesSnapshot:
        """The grid tree and the centres as committed when first asked for."""
        return self._moment.places

    @property
    def policies(self) -> PolicyBook:
        """Every SLA policy."""
        return self._moment.policies()

    def new_id(self) -> UUID:
        """A UUIDv7."""
        return uuid7()

    def still_here(self) -> None:
        """A sign of life: idle_in_transaction_session_timeout ends the sessions of frozen processes."""
        self.connection.exec_driver_sql("SELECT 1")

    def lock_centre(self, centre_code: str) -> None:
        """Advisory lock until commit: one takes a team of this centre at a time."""
        if centre_code not in self._centres_locked:
            self.connection.exec_driver_sql(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"centre {centre_code}",)
            )
            self._centres_locked.add(centre_code)

    def flush(self) -> None:
        """Write what has changed so far, in one round trip (changed teams, which are rare, in their own)."""
        self._write(commit=False)

    def finish(self) -> None:
        """Write what has changed and commit, in one round trip where there is something to write."""
        self._write(commit=True)

    def _write(self, *, commit: bool) -> None:
        script = Script(self.connection)
        team_messages = saving.save_teams(self.teams, lambda: self.places.centres)
        messages = saving.save_incidents(script, self.incidents)
        self.contacts.save(script)
        put(script, chassis.outbox, messages + team_messages)
        self.answers.save(script)
        self.denials.save(script)
        script.run(commit=commit)


class Transactions:
    """Implements `application.ports.Transact`."""

    def __init__(self, engine: Engine, shared: Shared) -> None:
        self.engine = engine
        self._shared = shared

    def __call__(self, work: Callable[[Unit], T]) -> T:
        """Run `work`, flush and commit once; a clash with another transaction is run again."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return in_transaction(
                    self.engine, lambda connection: self._run(connection, work, Unit.finish), scope=COUNTY
                )
            except Clash:
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def within(self, connection: Connection, work: Callable[[Unit], T]) -> T:
        """Run `work` in a transaction that somebody else began and will commit (the deadline clock)."""
        return self._run(connection, work, Unit.flush)

    def _run(self, connection: Connection, work: Callable[[Unit], T], write: Callable[[Unit], None]) -> T:
        unit = Unit(connection, self._shared)
        try:
            result = work(unit)
            write(unit)
        except IntegrityError as error:
            if is_taken(error, chassis.idempotency):
                raise KeyTaken from error
            if isinstance(error.orig, postgres.UniqueViolation):
                # The same reference or call sign was made meanwhile: the second look finds it and refuses.
                raise Clash(str(error.orig.diag.constraint_name)) from error
            raise
        return result
