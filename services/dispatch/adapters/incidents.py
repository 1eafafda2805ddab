"""Incidents of one transaction: loaded and locked in bulk, kept as the same objects, saved in bulk."""

from collections.abc import Callable, Collection, Iterable
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection

from chassis.outbox import Outgoing
from services.dispatch.adapters import bulk, incident_rows, nearby, timeline
from services.dispatch.application.ports import DuplicateQuery, Neighbour
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
# What belongs to incidents that are locked, in one look: their assignments, and who stands under them. That one is a
# single text, for hundreds may stand under one incident and few commands ask who they are.
_BELONGINGS = f"""
SELECT {incident_rows.ASSIGNMENT_SELECTED}, NULL::text FROM assignment WHERE incident_id = ANY(%(ids)s::uuid[])
UNION ALL
SELECT NULL, merged_into, NULL, NULL, NULL, NULL, NULL, NULL, string_agg(incident_id::text, ' ') FROM incident
WHERE merged_into = ANY(%(ids)s::uuid[]) GROUP BY merged_into
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
        self._under: dict[UUID, str] = {}
        self._links: list[dict[str, Any]] = []
        self._messages: list[Outgoing] = []
        self._recorded: set[UUID] = set()
        self._traces: dict[UUID, str] = {}
        self._looked: dict[DuplicateQuery, list[Neighbour]] = {}
        self.heads: dict[UUID, bytes] = {}

    def load(
        self,
        *,
        ids: Collection[UUID] = (),
        references: Collection[tuple[str, str]] = (),
        assignment_ids: Collection[UUID] = (),
    ) -> None:
        """Two statements: the incidents (with merge roots) locked, then what belongs to them."""
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
        self._take(bulk.select_again(self._connection, _LOCK, wanted))
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

    def duplicate_ids(self, root_id: UUID) -> list[UUID]:
        """Ids of what stands under the incident, as stored when it was locked and as changed since."""
        under = {UUID(each) for each in self._under.get(root_id, "").split()}
        for each in self._by_id.values():
            if each is None or (each.merge is None and not under):
                continue
            if each.merge is not None and each.merge.root_id == root_id:
                under.add(each.id)
            else:
                under.discard(each.id)
        return sorted(under)

    def _primaries(self, loaded: Iterable[Incident]) -> set[UUID]:
        """Those of this transaction that others stand under."""
        roots = {each.merge.root_id for each in loaded if each.merge is not None}
        return roots | {root_id for root_id in self._under if self.duplicate_ids(root_id)}

    def add(self, incident: Incident) -> None:
        """Take up a new incident."""
        self._keep(incident)

    def chain_head(self, incident_id: UUID) -> bytes:
        """Head of the timeline's hash chain after everything that has happened so far."""
        incident = self._by_id[incident_id]
        if incident is not None and incident.events:
            self._record(incident)
        return self.heads[incident_id]

    def caused_by(self, incident_id: UUID, traceparent: str) -> None:
        """What has happened to the incident, and is not recorded yet, belongs to this trace."""
        incident = self._by_id.get(incident_id)
        if incident is not None and incident.events:
            self._traces[incident_id] = traceparent
            self._record(incident)

    def look_around(self, queries: Collection[DuplicateQuery]) -> None:
        """One statement for all of them."""
        self._looked |= nearby.look(self._connection, list(queries))

    def near(self, query: DuplicateQuery) -> list[Neighbour]:
        """Candidates for likely duplicates; what this transaction holds counts as it now is."""
        if query not in self._looked:
            self.look_around([query])
        loaded = self.loaded()
        held = nearby.Window(query).closest(loaded, self._primaries(loaded))
        stored = (each for each in self._looked[query] if self._by_id.get(each.incident_id) is None)
        return nearby.closest(query, [*stored, *held])

    def record(self, incidents: Iterable[Incident]) -> tuple[list[dict[str, Any]], list[Outgoing]]:
        """Links of the chain and messages, in order, of all that happened and is not written yet."""
        for each in incidents:
            self._record(each)
        links, messages = self._links, self._messages
        self._links, self._messages = [], []
        self._recorded.clear()
        return links, messages

    def _record(self, incident: Incident) -> None:
        rows, sent, head = timeline.record(incident, self.heads.get(incident.id), self._traces.get(incident.id))
        self._links += rows
        self._messages += sent
        self.heads[incident.id] = head
        self._recorded.add(incident.id)
        incident.events.clear()

    def loaded(self) -> list[Incident]:
        """Every incident of this transaction."""
        return [each for each in self._by_id.values() if each is not None]

    def changed(self) -> list[Incident]:
        """Those with something to write, in id order; a root learns of its duplicates' teams without an event."""
        changed = (
            each for each in self.loaded()
            if each.is_new or each.events or each.id in self._recorded or each.roster.changed or each.breaches
            or each.deadlines.armed or each.deadlines.disarmed or each.absorbed != self._absorbed.get(each.id, {})
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
        for *belonging, under in bulk.select_again(self._connection, _BELONGINGS, {"ids": list(of_incident)}):
            if under is not None:
                self._under[belonging[1]] = under
                continue
            assignment = incident_rows.to_assignment(belonging)
            of_incident[assignment.incident_id].append(assignment)
            self._stored.add(assignment.id)
        for each in of_incident.values():
            each.sort(key=lambda assignment: assignment.seq)
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
