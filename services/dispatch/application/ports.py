"""What the use cases need from outside, as Protocols. `bootstrap.py` is where they meet their adapters; tests use fakes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from services.dispatch.domain.centre import Centre, Post
from services.dispatch.domain.grid_tree import GridNode, GridTree
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.policy import PolicyBook
from services.dispatch.domain.team import Team

T = TypeVar("T")

Answer = dict[str, Any]
Problem = dict[str, Any]


class KeyTaken(Exception):
    """A concurrent twin has just answered one of the batch's idempotency keys; run the transaction again and recall."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who sends the commands: an opaque subject, the client its idempotency keys belong to, roles, jurisdiction prefix."""

    subject: str
    client: str
    roles: tuple[str, ...] = ()
    jurisdiction: str = ""


@dataclass(frozen=True, slots=True)
class Fired:
    """A deadline that has come due and was claimed (its row is already deleted in this transaction)."""

    incident_id: UUID
    kind: str
    generation: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Remembered:
    """The answer that a key was given, and the fingerprint of the command it was given for."""

    key: str
    fingerprint: bytes
    answer: Answer


@dataclass(frozen=True, slots=True)
class DuplicateQuery:
    """The window in which likely duplicates are looked for: a box of `radius_metres` around a point, a span of time."""

    lat: float | None
    lon: float | None
    grid_code: str | None
    radius_metres: float
    since: datetime
    until: datetime
    exercise: bool
    exclude: UUID | None = None


class Incidents(Protocol):
    """Incidents with their assignments and clocks. Loaded rows are locked (`FOR UPDATE`, in id order) and saved at commit.

    `load` is called once per batch with everything it touches; the getters then answer from memory and go to the
    database only for what was not loaded. The same incident is the same object for the whole transaction.
    """

    def load(
        self,
        *,
        ids: Collection[UUID] = (),
        references: Collection[tuple[str, str]] = (),
        assignment_ids: Collection[UUID] = (),
    ) -> None:
        """Lock and load in bulk, also the merge roots of merged incidents; what does not exist is simply absent."""

    def get(self, incident_id: UUID) -> Incident | None: ...

    def by_reference(self, system: str, number: str) -> Incident | None: ...

    def by_assignment(self, assignment_id: UUID) -> Incident | None: ...

    def duplicates_of(self, root_id: UUID) -> list[Incident]:
        """Every incident whose merge root is `root_id`, locked."""

    def add(self, incident: Incident) -> None:
        """Take up a new incident (`is_new`); it is found by the getters from now on."""

    def near(self, query: DuplicateQuery) -> list[Incident]:
        """Open or recently resolved incidents in the window, without locking them; at most 50, nearest in time first."""


class Teams(Protocol):
    """Teams with their load. Like `Incidents`: bulk `load`, then getters from memory."""

    def load(self, *, ids: Collection[UUID] = (), call_signs: Collection[str] = ()) -> None: ...

    def get(self, team_id: UUID) -> Team | None: ...

    def by_call_sign(self, call_sign: str) -> Team | None: ...

    def add(self, team: Team) -> None: ...

    def candidates(self) -> list[Team]:
        """Every team that is not retired, each with its number of open assignments as of now (call `flush` first)."""


class Places(Protocol):
    """Dispatch's own read model of the registry: the tree, the centres, and which micro-grid covers a point."""

    tree: GridTree
    centres: Sequence[Centre]
    timezone: ZoneInfo

    def locate(self, lat: float, lon: float) -> str | None:
        """Code of the lowest grid that covers the point, None outside the county."""


class PlacesWriter(Protocol):
    """Writes the read model. Each call keeps only rows newer (by `version`) than what is stored."""

    def put_grids(self, nodes: Sequence[GridNode]) -> None: ...

    def put_centres(self, centres: Sequence[Centre]) -> None: ...

    def put_posts(self, posts: Sequence[Post]) -> None: ...


class ContactVault(Protocol):
    """Contact details, sealed before they touch the database, in the same transaction as the incident."""

    def seal(self, incident_id: UUID, contact: Mapping[str, Any]) -> None: ...

    def open(self, incident_id: UUID) -> dict[str, Any] | None: ...


class Answers(Protocol):
    """The idempotency store of the service."""

    def fingerprint(self, command: Mapping[str, Any]) -> bytes:
        """The same for two commands that say the same."""

    def recall(self, client: str, keys: Collection[str]) -> dict[str, Remembered]: ...

    def remember(self, client: str, rows: Sequence[Remembered]) -> None:
        """Write at once. Raises KeyTaken when a concurrent transaction answered one of the keys first."""


class UnitOfWork(Protocol):
    """One transaction. Everything loaded or added through it is saved by `flush` and at commit."""

    incidents: Incidents
    teams: Teams
    places: Places
    places_writer: PlacesWriter
    policies: PolicyBook
    contacts: ContactVault
    answers: Answers
    now: datetime
    """The database's clock when the transaction began; `recorded_at` of everything in it."""

    def new_id(self) -> UUID: ...

    def flush(self) -> None:
        """Write what has changed so far, so that the queries of this transaction see it."""

    def lock_centre(self, centre_code: str) -> None:
        """Advisory lock until commit: one takes a team of this centre at a time."""


class Transact(Protocol):
    """Run `work` in one transaction and commit once; rolls back and re-raises on any exception.

    Retries serialisation failures and deadlocks itself, so `work` may run more than once, each time with a new unit.
    """

    def __call__(self, work: Callable[[UnitOfWork], T]) -> T: ...


class ProblemOf(Protocol):
    """Turn a refusal or an error into the body of an RFC 9457 problem (chassis.errors); logs what is unexpected."""

    def __call__(self, error: Exception) -> Problem: ...


class Reading(Protocol):
    """Queries that change nothing and lock nothing; a separate port because they never build aggregates."""

    def incident(self, reference: str, *, timeline: bool) -> dict[str, Any] | None:
        """The full view of an incident (application.views.incident_view), with its timeline when asked for."""

    def incidents(self, filters: Mapping[str, Any], limit: int, cursor: str | None) -> dict[str, Any]: ...

    def teams(self, filters: Mapping[str, Any]) -> list[dict[str, Any]]: ...

    def breaches(self, filters: Mapping[str, Any]) -> dict[str, Any]: ...

    def intervals(self, filters: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """Rows of the SLA report, already grouped; see application.reports."""


class Logger(Protocol):
    """The few words the use cases say about themselves; never anything personal."""

    def warning(self, event: str, **fields: Any) -> None: ...
