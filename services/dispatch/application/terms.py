"""What crosses the ports: plain data, and the one thing that a port may raise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.actor import Actor
from services.dispatch.domain.duplicates import Sighting
from services.dispatch.domain.incident import Incident

Answer = dict[str, Any]
Problem = dict[str, Any]


class KeyTaken(Exception):
    """A concurrent twin has just answered one of the batch's idempotency keys; run the transaction again and recall."""


@dataclass(frozen=True, slots=True)
class Request:
    """Commands of one actor that are answered together; `traceparent` is what they belong to."""

    commands: Sequence[Any]
    actor: Actor
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Fired:
    """A deadline that has come due and was claimed (its row is already deleted in this transaction)."""

    incident_id: UUID
    kind: str
    generation: int
    due_at: datetime


Key = tuple[str, str]
"""An idempotency key with whose it is: (owner of the actor, key)."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """The answer that a key was given, and the fingerprint of the command it was given for."""

    fingerprint: bytes
    answer: Answer


@dataclass(frozen=True, slots=True)
class Around:
    """Every point within `metres` of one (WGS 84, degrees)."""

    lat: float
    lon: float
    metres: float


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


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What is seen of an incident by one who looks for duplicates of another; `primary` when others stand under it."""

    incident_id: UUID
    state: str
    exercise: bool
    sighting: Sighting
    primary: bool

    @classmethod
    def of(cls, incident: Incident, *, primary: bool) -> Neighbour:
        """An incident as its neighbours see it."""
        return cls(
            incident.id, incident.state.value, incident.exercise,
            Sighting(incident.lat, incident.lon, incident.grid_code, incident.received_at, incident.category,
                     incident.kind, f"{incident.summary} {incident.address}"),
            primary,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the incidents asked for, newest first; `next_cursor` is None on the last page."""

    incidents: list[Incident]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Denial:
    """A denied request as it goes on the record; ids are opaque. See contracts.dispatch.denials for each member."""

    said_by: str
    asked: str
    code: str
    subject: str
    client: str
    credential: str
    permission: str | None = None
    rule: str | None = None
    purpose: str | None = None
    about: str | None = None
    jurisdiction: str | None = None
    request_id: str | None = None
    times: int = 1


@dataclass(frozen=True, slots=True)
class DenialFilters:
    """What a look at the record is narrowed to; None means any. Times are of the recording."""

    since: datetime | None = None
    until: datetime | None = None
    subject: str | None = None
    permission: str | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """Which incidents somebody may see: those that any one of these lets through; as it stands, none.

    `teams`: what these were sent to and did not refuse. `reporter`: what this subject reported.
    """

    everywhere: bool = False
    prefixes: tuple[str, ...] = ()
    dispute_prefixes: tuple[str, ...] = ()
    teams: tuple[UUID, ...] = ()
    reporter: str | None = None


@dataclass(frozen=True, slots=True)
class Wall:
    """What the database itself lets one look see of incidents (row level security), behind what the code decides.

    Those in `prefixes`, those that a team went to in whose crew `serves` stands, those that `reporter` reported.
    """

    prefixes: tuple[str, ...] = ()
    serves: str | None = None
    reporter: str | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list, a report or the breaches are narrowed to; None and () mean any.

    `exercise` is exclude, include or only. `since` and `until` are of the receipt. `breached`: whether a target was
    missed and the breach stands. Whatever is asked for, nothing is found outside `sight`.
    """

    since: datetime | None = None
    until: datetime | None = None
    prefix: str = ""
    exercise: str = "exclude"
    reference_system: str | None = None
    state: tuple[str, ...] = ()
    open: bool | None = None
    category: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    priority: tuple[int, ...] = ()
    source: tuple[str, ...] = ()
    centre: tuple[str, ...] = ()
    backfill: bool | None = None
    breached: bool | None = None
    team: UUID | None = None
    stage: str | None = None
    incident: UUID | None = None
    sight: Sight = Sight()


@dataclass(frozen=True, slots=True)
class Figures:
    """One interval over a group: how many, how many within their own policy's target, percentiles in seconds.

    `judged` is how many have a target at all; None means all of them.
    """

    count: int
    within: int
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    target_seconds: float | None = None
    judged: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one group; `intervals` by the names of application.reports.INTERVALS."""

    key: str
    incidents: int
    states: Mapping[str, int]
    intervals: Mapping[str, Figures]
