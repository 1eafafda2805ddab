"""What the use cases need from outside, as Protocols.

`bootstrap.py` is where they meet their adapters; tests use fakes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from chassis.actor import Actor
from services.dispatch.application.terms import (
    Answer,
    Around,
    Denial,
    DenialFilters,
    DuplicateQuery,
    Figures,
    Filters,
    Fired,
    Group,
    Key,
    KeyTaken,
    Neighbour,
    Page,
    Problem,
    Remembered,
    Request,
    Sight,
    Wall,
)  # fmt: skip
from services.dispatch.domain.centre import Centre, Post
from services.dispatch.domain.grid_tree import GridNode, GridTree
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.policy import PolicyBook
from services.dispatch.domain.team import Team

T = TypeVar("T")

__all__ = [
    "Actor", "Answer", "Denial", "DenialFilters", "DuplicateQuery", "Figures", "Filters", "Fired", "Group", "Key",
    "KeyTaken", "Neighbour", "Page", "Problem", "Remembered", "Request", "Sight", "Wall",
]  # fmt: skip


class Incidents(Protocol):
    """Incidents with their assignments and clocks; loaded rows are locked, in id order, and saved at commit.

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

    def duplicate_ids(self, root_id: UUID) -> list[UUID]:
        """Ids of the incidents whose merge root is the loaded `root_id`, in order; none of them is locked."""

    def add(self, incident: Incident) -> None:
        """Take up a new incident (`is_new`); it is found by the getters from now on."""

    def chain_head(self, incident_id: UUID) -> bytes:
        """Head of the timeline's hash chain after everything that has happened so far."""

    def caused_by(self, incident_id: UUID, traceparent: str) -> None:
        """What has happened to the incident, and is not recorded yet, belongs to this trace."""

    def look_around(self, queries: Collection[DuplicateQuery]) -> None:
        """Answer these in bulk; `near` then knows them."""

    def near(self, query: DuplicateQuery) -> list[Neighbour]:
        """Open or recently resolved incidents in the window, not locked; at most 50, nearest in time first."""


class Teams(Protocol):
    """Teams with their load. Like `Incidents`: bulk `load`, then getters from memory."""

    def load(self, *, ids: Collection[UUID] = (), call_signs: Collection[str] = ()) -> None: ...

    def get(self, team_id: UUID) -> Team | None: ...

    def by_call_sign(self, call_sign: str) -> Team | None: ...

    def add(self, team: Team) -> None: ...

    def candidates(self) -> list[Team]:
        """Every team that is not retired, each with its number of open assignments as of now (call `flush` first)."""

    def of_member(self, subject: str) -> frozenset[UUID]:
        """The teams in whose crew an opaque reference stands, as holder or stand-in."""

    def free(self, skills: Collection[str], around: Around | None = None) -> list[Team]:
        """Those of `candidates` in service with room for one more that have one of the skills, when there are any.

        Whoever is fit is among them; with `around`, whoever is fit and within it, or nobody knows where.
        """


class Places(Protocol):
    """Dispatch's own read model of the registry: the tree, the centres, and which micro-grid covers a point."""

    @property
    def tree(self) -> GridTree: ...

    @property
    def centres(self) -> Sequence[Centre]: ...

    @property
    def timezone(self) -> ZoneInfo: ...

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

    def recall(self, keys: Collection[Key]) -> dict[Key, Remembered]: ...

    def remember(self, rows: Mapping[Key, Remembered]) -> None:
        """Write with the rest. The transaction raises KeyTaken when another one answered one of the keys first."""


class Denials(Protocol):
    """The record of requests that were denied."""

    def add(self, denial: Denial) -> None:
        """Write with the rest of the transaction."""


class UnitOfWork(Protocol):
    """One transaction. Everything loaded or added through it is saved by `flush` and at commit."""

    @property
    def incidents(self) -> Incidents: ...

    @property
    def teams(self) -> Teams: ...

    @property
    def places(self) -> Places: ...

    @property
    def places_writer(self) -> PlacesWriter: ...

    @property
    def policies(self) -> PolicyBook: ...

    @property
    def contacts(self) -> ContactVault: ...

    @property
    def answers(self) -> Answers: ...

    @property
    def denials(self) -> Denials: ...

    @property
    def now(self) -> datetime:
        """The database's clock, not before what this transaction has locked; `recorded_at` of everything in it."""

    def new_id(self) -> UUID: ...

    def still_here(self) -> None:
        """A sign of life to the database, which ends the transactions of those that fall silent."""

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
    """One read-only look at the database: locks nothing, saves nothing; its aggregates are for looking at."""

    @property
    def now(self) -> datetime: ...

    @property
    def places(self) -> Places: ...

    @property
    def policies(self) -> PolicyBook: ...

    def find(self, incident_id: UUID) -> Incident | None: ...

    def find_reference(self, system: str, number: str) -> Incident | None: ...

    def answered(self, client: str, key: str) -> Answer | None:
        """What the client was answered to this key; None when nothing is remembered."""

    def elsewhere(self, incident_id: UUID | None, system: str, number: str) -> Incident | None:
        """What the wall hides of the two above: asked only to put a denial on the record."""

    def page(self, filters: Filters, limit: int, cursor: str | None) -> Page:
        """Raises ValueError for a cursor that it did not give out."""

    def near(self, query: DuplicateQuery) -> list[Neighbour]: ...

    def chain_heads(self, incident_ids: Collection[UUID]) -> dict[UUID, bytes]: ...

    def duplicate_ids(self, root_ids: Collection[UUID]) -> dict[UUID, list[UUID]]: ...

    def timeline(self, incident_id: UUID) -> list[dict[str, Any]]:
        """The links as contracts.dispatch.queries.TimelineEntry has them, oldest first."""

    def teams(self) -> list[Team]:
        """Every team with its load, by call sign."""

    def teams_of(self, subject: str) -> frozenset[UUID]:
        """As `Teams.of_member`."""

    def call_signs(self, team_ids: Collection[UUID]) -> dict[UUID, str]: ...

    def open_assignments(self, team_ids: Collection[UUID]) -> dict[UUID, list[UUID]]: ...

    def open_by_centre(self) -> dict[str, int]:
        """Open incidents on each centre's desk."""

    def breaches(self, filters: Filters, limit: int, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """Rows as contracts.dispatch.queries.Breach has them, newest first, and the next cursor."""

    def denials(
        self, filters: DenialFilters, limit: int, cursor: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Rows as contracts.dispatch.denials.Denial has them, newest first, and the next cursor. Raises ValueError."""

    def figures(self, by: str, filters: Filters) -> list[Group]: ...
