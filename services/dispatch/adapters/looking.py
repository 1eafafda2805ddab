"""Reading without locking: lists, timelines, breaches, figures, each from one snapshot of the database."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from threading import BoundedSemaphore
from typing import Any, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import Connection, Engine

from chassis import idempotency
from chassis.connections import AS_STATISTICS_SAY
from chassis.database import database_now, in_transaction
from chassis.errors import Unavailable
from chassis.scope import COUNTY, SETTING, scope_of
from services.dispatch.adapters import (
    bulk,
    cursors,
    denials,
    incident_rows,
    narrowing,
    nearby,
    sla_figures,
    tables,
)  # fmt: skip
from services.dispatch.adapters.moment import Shared
from services.dispatch.adapters.places import PlacesSnapshot
from services.dispatch.adapters.teams import TeamRepository, of_member
from services.dispatch.application.ports import DenialFilters, DuplicateQuery, Filters, Group, Neighbour, Page, Wall
from services.dispatch.domain.assignment import Assignment
from services.dispatch.domain.events import wire_time
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.policy import PolicyBook
from services.dispatch.domain.team import Team

T = TypeVar("T")

_PATIENCE_SECONDS = 5.0

_SELECT = f"SELECT {incident_rows.SELECTED} FROM incident i"
_ASSIGNMENTS = f"""
SELECT {incident_rows.ASSIGNMENT_SELECTED} FROM assignment WHERE incident_id = ANY(%(ids)s::uuid[])
ORDER BY incident_id, seq
"""
_TIMELINE = """
SELECT seq, type, occurred_at, recorded_at, by, body, hash FROM timeline WHERE incident_id = %(id)s ORDER BY seq
"""
_BREACHES = """
SELECT b.due_at, b.incident_id, b.stage, b.generation, b.holder, b.holder_kind, b.recorded_at, b.target_seconds,
       b.late_by_seconds, b.backfill, b.withdrawn_at, b.withdraw_reason, i.category, i.priority, i.jurisdiction,
       i.exercise
FROM {source} {where}
ORDER BY b.due_at DESC, b.incident_id DESC, b.stage DESC, b.generation DESC LIMIT %(limit)s
"""
_FROM_BREACHES = "breach b JOIN incident i USING (incident_id)"
# Of a span of receipts: its incidents first. OFFSET keeps the planner from reading every breach there ever was.
_FROM_INCIDENTS = "incident i JOIN LATERAL (SELECT * FROM breach WHERE incident_id = i.incident_id OFFSET 0) b ON true"
_OPEN_ASSIGNMENTS = """
SELECT team_id, assignment_id FROM assignment
WHERE team_id = ANY(%(ids)s::uuid[]) AND state IN ('assigned', 'accepted', 'en_route', 'on_scene')
ORDER BY assignment_id
"""
_OPEN_BY_CENTRE = """
SELECT centre_code, count(*) FROM incident
WHERE centre_code IS NOT NULL AND state NOT IN ('closed', 'archived', 'cancelled', 'merged') GROUP BY centre_code
"""


class Look:
    """Implements `application.ports.Reading`."""

    def __init__(self, connection: Connection, shared: Shared) -> None:
        self._connection = connection
        self._shared = shared
        self.now = database_now(connection)

    @cached_property
    def places(self) -> PlacesSnapshot:
        return self._shared.places.current(self._connection)

    @cached_property
    def policies(self) -> PolicyBook:
        return self._shared.policies.current(self._connection)

    def find(self, incident_id: UUID) -> Incident | None:
        """The incident, or None."""
        return next(iter(self._incidents("WHERE i.incident_id = %(id)s", {"id": incident_id})), None)

    def find_reference(self, system: str, number: str) -> Incident | None:
        """The incident that another system knows by this number, or None."""
        where = "WHERE i.reference_system = %(system)s AND i.reference_number = %(number)s"
        return next(iter(self._incidents(where, {"system": system, "number": number})), None)

    def answered(self, client: str, key: str) -> dict[str, Any] | None:
        """What the client was answered to this key; None when nothing is remembered."""
        found, _ = idempotency.recall(self._connection, tables.chassis.idempotency, [(client, key)])
        return found[client, key].answer if found else None

    def elsewhere(self, incident_id: UUID | None, system: str, number: str) -> Incident | None:
        """The incident that the wall hides, or None."""
        with self._beyond_the_wall():
            return self.find(incident_id) if incident_id is not None else self.find_reference(system, number)

    @contextmanager
    def _beyond_the_wall(self) -> Iterator[None]:
        before = self._connection.exec_driver_sql(f"SHOW {SETTING}").scalar_one()
        self._connection.exec_driver_sql(f"SET LOCAL {SETTING} = '{COUNTY}'")
        try:
            yield
        finally:
            self._connection.exec_driver_sql(f"SET LOCAL {SETTING} = '{before}'")

    def page(self, filters: Filters, limit: int, cursor: str | None) -> Page:
        """Newest receipt first. Raises ValueError for a cursor that was not given out here."""
        clauses, parameters = narrowing.conditions(filters)
        if cursor is not None:
            clauses.append("(i.received_at, i.incident_id) < (%(at)s, %(after)s)")
            parameters["at"], parameters["after"] = cursors.read(cursor, "incidents")
        tail = f"{narrowing.where(clauses)} ORDER BY i.received_at DESC, i.incident_id DESC LIMIT %(limit)s"
        found = self._incidents(tail, {**parameters, "limit": limit + 1})
        shown = found[:limit]
        more = len(found) > limit
        return Page(shown, cursors.write("incidents", shown[-1].received_at, shown[-1].id) if more else None)

    def near(self, query: DuplicateQuery) -> list[Neighbour]:
        """Candidates for likely duplicates."""
        return nearby.closest(query, nearby.look(self._connection, [query])[query])

    def chain_heads(self, incident_ids: Collection[UUID]) -> dict[UUID, bytes]:
        """Heads of the timelines' hash chains."""
        statement = "SELECT incident_id, chain_head FROM incident WHERE incident_id = ANY(%(ids)s::uuid[])"
        return {key: bytes(head) for key, head in bulk.select(self._connection, statement, {"ids": list(incident_ids)})}

    def duplicate_ids(self, root_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
        """The incidents that stand under each of these."""
        statement = """
        SELECT merged_into, incident_id FROM incident WHERE merged_into = ANY(%(ids)s::uuid[]) ORDER BY incident_id
        """
        return _grouped(bulk.select(self._connection, statement, {"ids": list(root_ids)}))

    def timeline(self, incident_id: UUID) -> list[dict[str, Any]]:
        """The links of the chain, oldest first."""
        return [
            {
                "seq": seq, "type": type_, "occurred_at": wire_time(occurred_at), "recorded_at": wire_time(recorded_at),
                "by": by, "body": orjson.loads(body), "hash": bytes(hash_).hex(),
            }
            for seq, type_, occurred_at, recorded_at, by, body, hash_ in bulk.select(
                self._connection, _TIMELINE, {"id": incident_id}
            )
        ]  # fmt: skip

    def teams(self) -> list[Team]:
        """Every team with its load, by call sign."""
        return TeamRepository(self._connection).candidates()

    def teams_of(self, subject: str) -> frozenset[UUID]:
        """The teams that a subject serves in."""
        return of_member(self._connection, subject)

    def call_signs(self, team_ids: Collection[UUID]) -> dict[UUID, str]:
        """Call signs by team."""
        statement = "SELECT team_id, call_sign FROM team WHERE team_id = ANY(%(ids)s::uuid[])"
        return dict(bulk.select(self._connection, statement, {"ids": list(team_ids)}))

    def open_assignments(self, team_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
        """What each team is on."""
        return _grouped(bulk.select(self._connection, _OPEN_ASSIGNMENTS, {"ids": list(team_ids)}))

    def open_by_centre(self) -> dict[str, int]:
        """Open incidents on each centre's desk."""
        return dict(bulk.select(self._connection, _OPEN_BY_CENTRE))

    def breaches(self, filters: Filters, limit: int, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
        """Newest due first, withdrawn ones among them. Raises ValueError for a cursor that was not given out here."""
        clauses, parameters = narrowing.conditions(filters)
        if filters.stage:
            clauses.append("b.stage = %(stage)s")
            parameters["stage"] = filters.stage
        if cursor is not None:
            clauses.append("(b.due_at, b.incident_id, b.stage, b.generation) < (%(at)s, %(after)s, %(of)s, %(run)s)")
            at, after, of, run = cursors.read(cursor, "breaches")
            parameters |= {"at": at, "after": after, "of": of, "run": run}
        source = _FROM_BREACHES if filters.since is None else _FROM_INCIDENTS
        statement = _BREACHES.format(source=source, where=narrowing.where(clauses))
        rows = bulk.select(self._connection, statement, {**parameters, "limit": limit + 1})
        more = cursors.write("breaches", *rows[limit - 1][:4]) if len(rows) > limit else None
        return [_breach_view(row) for row in rows[:limit]], more

    def denials(
        self, filters: DenialFilters, limit: int, cursor: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """The record of denied requests. Raises ValueError for a cursor that was not given out here."""
        return denials.page(self._connection, filters, limit, cursor)

    def figures(self, by: str, filters: Filters) -> list[Group]:
        """The 115 figures."""
        return sla_figures.figures(self._connection, by, filters, str(self._shared.places.timezone))

    def _incidents(self, tail: str, parameters: dict[str, Any]) -> list[Incident]:
        rows = bulk.select(self._connection, f"{_SELECT} {tail}", parameters)
        of_incident: dict[UUID, list[Assignment]] = {row[0]: [] for row in rows}
        for each in bulk.select(self._connection, _ASSIGNMENTS, {"ids": list(of_incident)}) if rows else ():
            assignment = incident_rows.to_assignment(each)
            of_incident[assignment.incident_id].append(assignment)
        return [incident_rows.to_incident(row, self.policies, of_incident[row[0]]) for row in rows]


class Looks:
    """Runs queries, each in one read-only snapshot, few at once: slow reports must leave connections to commands."""

    def __init__(self, engine: Engine, shared: Shared, at_once: int) -> None:
        self._engine = engine
        self._shared = shared
        self._free = BoundedSemaphore(at_once)

    def __call__(self, work: Callable[[Look], T], wall: Wall) -> T:
        """What `work` finds behind the wall. Raises Unavailable when others keep the places for too long."""

        def look(connection: Connection) -> T:
            connection.exec_driver_sql(
                f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; {AS_STATISTICS_SAY}"
            )
            _raise_wall(connection, wall)
            return work(Look(connection, self._shared))

        if not self._free.acquire(timeout=_PATIENCE_SECONDS):
            raise Unavailable("too many queries at once")
        try:
            return in_transaction(self._engine, look, scope=scope_of(wall.prefixes))
        finally:
            self._free.release()


def _raise_wall(connection: Connection, wall: Wall) -> None:
    """Beside its scope: the teams and the reporter whose incidents may be seen; hexadecimal, so that no name is SQL."""
    if wall.serves is not None:
        teams = ",".join(str(team) for team in of_member(connection, wall.serves))
        connection.exec_driver_sql(f"SET LOCAL app.teams = '{teams}'")
    if wall.reporter is not None:
        connection.exec_driver_sql(f"SET LOCAL app.reporter = '{wall.reporter.encode().hex()}'")


def _grouped(pairs: Iterable[tuple[Any, ...]]) -> dict[UUID, list[UUID]]:
    found: dict[UUID, list[UUID]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def _breach_view(row: tuple[Any, ...]) -> dict[str, Any]:
    (
        due_at, incident_id, stage, generation, holder, holder_kind, recorded_at, target, late_by, backfill,
        withdrawn_at,
        withdraw_reason, category, priority, jurisdiction, exercise,
    ) = row  # fmt: skip
    return {
        "incident_id": str(incident_id), "stage": stage, "generation": generation, "holder": holder,
        "holder_kind": holder_kind, "due_at": wire_time(due_at), "recorded_at": wire_time(recorded_at),
        "target_seconds": target, "late_by_seconds": late_by, "backfill": backfill, "category": category,
        "priority": priority, "jurisdiction": jurisdiction or None, "exercise": exercise,
        "withdrawn_at": None if withdrawn_at is None else wire_time(withdrawn_at), "withdrawn_reason": withdraw_reason,
    }  # fmt: skip
