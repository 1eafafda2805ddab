"""Incidents of one transaction: loaded and locked in bulk, kept as the same objects, saved in bulk."""

from collections.abc import Callable, Collection, Iterable
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection

from services.dispatch.adapters import bulk, incident_rows, nearby
from services.dispatch.application.ports import DuplicateQuery
from services.dispatch.domain.absorbed import Absorbed
from services.dispatch.domain.assignment import Assignment
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.policy import PolicyBook

# Locked in id order, always and by everybody, so that two batches wait for each other in a line and not in a circle.
_LOCK = f"""
WITH wanted AS (
    SELECT unnest(%(ids)s::uuid[]) AS incident_id
    UNION
    SELECT i.incident_id FROM unnest(%(systems)s::text[], %(numbers)s::text[]) AS r (system, number)
    JOIN incident i ON i.reference_system = r.system AND i.reference_number = r.number
    UNION
    SELECT a.incident_id FROM assignment a WHERE a.assignment_id = ANY(%(assignments)s::uuid[])
), locked AS (
    SELECT incident_id FROM wanted
    UNION
    SELECT i.merged_into FROM incident i JOIN wanted USING (incident_id) WHERE i.merged_into IS NOT NULL
)
SELECT {incident_rows.SELECTED} FROM incident WHERE incident_id IN (SELECT incident_id FROM locked)
ORDER BY incident_id FOR UPDATE
"""
_LOCK_DUPLICATES = f"""
SELECT {incident_rows.SELECTED} FROM incident WHERE merged_into = %(root)s::uuid ORDER BY incident_id FOR UPDATE
"""
_ASSIGNMENTS = f"""
SELECT {incident_rows.ASSIGNMENT_SELECTED} FROM assignment WHERE incident_id = ANY(%(ids)s::uuid[])
ORDER BY incident_id, seq
"""
_CHAIN_HEAD = incident_rows.SELECTED.split(", ").index("chain_head")


class IncidentRepository:
    """Implements `application.ports.Incidents`."""

    def __init__(self, connection: Connection, policies: Callable[[], PolicyBook], locked: Callable[[], None]) -> None:
        self._connection = connection
        self._policies = policies
        self._locked = locked
        self._by_id: dict[UUID, Incident | None] = {}
        self._by_reference: dict[tuple[str, str], Incident | None] = {}
        self._by_assignment: dict[UUID, Incident | None] = {}
        self._absorbed: dict[UUID, dict[UUID, Absorbed]] = {}
        self._stored: set[UUID] = set()
        self._documents: dict[UUID, tuple[str, str, str]] = {}
        self.heads: dict[UUID, bytes] = {}

    def load(
        self,
        *,
        ids: Collection[UUID] = (),
        references: Collection[tuple[str, str]] = (),
        assignment_ids: Collection[UUID] = (),
    ) -> None:
        """Two statements: the incidents (with merge roots) locked, then their assignments."""
        ids = [each for each in ids if each not in self._by_id]
        references = [each for each in references if each not in self._by_reference]
        assignment_ids = [each for each in assignment_ids if self._of_assignment(each) is None]
        if not (ids or references or assignment_ids):
            return
        wanted = {
            "ids": list(ids),
            "systems": [system for system, _ in references],
            "numbers": [number for _, number in references],
            "assignments": list(assignment_ids),
        }
        self._take(bulk.select(self._connection, _LOCK, wanted))
        # What was asked for and is not there: remembered, so that nobody asks again.
        self._by_id = {**dict.fromkeys(ids), **self._by_id}
        self._by_reference = {**dict.fromkeys(references), **self._by_reference}
        self._by_assignment = {**dict.fromkeys(assignment_ids), **self._by_assignment}
        self._locked()

    def get(self, incident_id: UUID) -> Incident | None:
        """The incident, locked."""
        if incident_id not in self._by_id:
            self.load(ids=[incident_id])
        return self._by_id[incident_id]

    def by_reference(self, system: str, number: str) -> Incident | None:
        """The incident that another system knows by this number, locked."""
        if (system, number) not in self._by_reference:
            self.load(references=[(system, number)])
        return self._by_reference[(system, number)]

    def by_assignment(self, assignment_id: UUID) -> Incident | None:
        """The incident of an assignment, locked."""
        found = self._of_assignment(assignment_id)
        if found is None and assignment_id not in self._by_assignment:
            self.load(assignment_ids=[assignment_id])
            found = self._of_assignment(assignment_id)
        return found

    def duplicates_of(self, root_id: UUID) -> list[Incident]:
        """Every incident merged onto this root, locked; also those merged in this transaction."""
        self._take(bulk.select(self._connection, _LOCK_DUPLICATES, {"root": root_id}))
        held = (each for each in self.loaded() if each.merge is not None and each.merge.root_id == root_id)
        return sorted(held, key=lambda each: each.id)

    def add(self, incident: Incident) -> None:
        """Take up a new incident."""
        self._keep(incident)

    def chain_head(self, incident_id: UUID) -> bytes:
        """Head of the timeline's hash chain as last written."""
        return self.heads[incident_id]

    def near(self, query: DuplicateQuery) -> list[Incident]:
        """Candidates for likely duplicates; what this transaction holds counts as it now is."""
        rows = bulk.select(self._connection, nearby.STATEMENT, nearby.parameters(query))
        book = self._policies()
        stored = [self._by_id.get(row[0]) or incident_rows.to_incident(row, book, []) for row in rows]
        together = {each.id: each for each in (*stored, *self.loaded())}
        return nearby.closest(query, together.values())

    def loaded(self) -> list[Incident]:
        """Every incident of this transaction."""
        return [each for each in self._by_id.values() if each is not None]

    def changed(self) -> list[Incident]:
        """Those with something to write, in id order; a root learns of its duplicates' teams without an event."""
        changed = (
            each for each in self.loaded()
            if each.is_new or each.events or each.roster.changed or each.breaches or each.deadlines.armed
            or each.deadlines.disarmed or each.absorbed != self._absorbed.get(each.id, {})
        )  # fmt: skip
        return sorted(changed, key=lambda each: each.id)

    def row(self, incident: Incident) -> dict[str, Any]:
        """The incident's row of `MOVING`, without the JSON columns that are as they were: most stamps change one."""
        row = incident_rows.moving(incident, self.heads[incident.id])
        documents = incident_rows.documents(incident)
        known = self._documents.get(incident.id, (None, None, None))
        for name, was, now in zip(("stamps", "clocks", "facts"), known, documents, strict=True):
            if was is None or was != now.decode():
                row[name] = orjson.Fragment(now)
        self._documents[incident.id] = tuple(each.decode() for each in documents)  # type: ignore[assignment]  # three
        return row

    def assignments(self, incidents: Iterable[Incident]) -> tuple[list[Assignment], list[Assignment]]:
        """Their changed assignments: new ones, and those that are stored already."""
        changed = [assignment for each in incidents for assignment in each.roster.changed.values()]
        new = [each for each in changed if each.id not in self._stored]
        return new, [each for each in changed if each.id in self._stored]

    def saved(self, incidents: Iterable[Incident]) -> None:
        """They are written: what they collected has gone where it belongs."""
        for each in incidents:
            self._stored.update(each.roster.changed)
            self._absorbed[each.id] = dict(each.absorbed)
            each.is_new = False
            each.events.clear()
            each.roster.changed.clear()
            each.breaches.clear()

    def _take(self, rows: Iterable[tuple[Any, ...]]) -> None:
        fresh = [row for row in rows if self._by_id.get(row[0]) is None]
        if not fresh:
            return
        of_incident: dict[UUID, list[Assignment]] = {row[0]: [] for row in fresh}
        for each in bulk.select(self._connection, _ASSIGNMENTS, {"ids": list(of_incident)}):
            assignment = incident_rows.to_assignment(each)
            of_incident[assignment.incident_id].append(assignment)
            self._stored.add(assignment.id)
        book = self._policies()
        for row in fresh:
            incident = incident_rows.to_incident(row, book, of_incident[row[0]])
            self.heads[incident.id] = bytes(row[_CHAIN_HEAD])
            self._absorbed[incident.id] = dict(incident.absorbed)
            self._documents[incident.id] = (row[-3], row[-2], row[-1])
            self._keep(incident)

    def _keep(self, incident: Incident) -> None:
        self._by_id[incident.id] = incident
        if incident.reference_system is not None and incident.reference_number is not None:
            self._by_reference[(incident.reference_system, incident.reference_number)] = incident
        for assignment in incident.assignments:
            self._by_assignment[assignment.id] = incident

    def _of_assignment(self, assignment_id: UUID) -> Incident | None:
        found = self._by_assignment.get(assignment_id)
        if found is None:
            # Made in this transaction, after its incident was taken up.
            found = next(
                (i for i in self.loaded() if any(a.id == assignment_id for a in i.roster.changed.values())), None
            )
        return found
