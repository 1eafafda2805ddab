"""One county's database in memory, with the ways in which a transaction can go wrong.

A transaction works on the rows themselves; only one that is going to fail is photographed first, so that its rollback
leaves nothing behind. `commit` is what the unit of work does: events join the hash chain, deadlines are written.
"""

from __future__ import annotations

import copyreg
import pickle
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from chassis.hash_chain import GENESIS, link
from services.dispatch.adapters import incident_rows
from services.dispatch.adapters.json_records import stamps_json
from services.dispatch.application.deadlines import fire_deadlines
from services.dispatch.application.ports import Fired, KeyTaken
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.policy import PolicyBook, SlaPolicy, built_in_policies
from tests.unit.dispatch.builders import T0, team
from tests.unit.dispatch.fakes import FakeIncidents, FakePlaces, FakeTeams, FakeVault

MS = timedelta(milliseconds=1)
_PLACES, _POLICIES = FakePlaces(), PolicyBook(built_in_policies())
_BASES = {"T1": (30.001, ("medical",), 2), "T2": (30.02, ("medical",), 1), "T3": (30.04, ("medical",), 1),
          "T4": (30.0005, (), 1), "P1": (30.013, ("patrol",), 1), "P2": (30.04, ("patrol",), 2),
          "B1": (30.02, ("patrol", "medical"), 1)}  # fmt: skip


def _policy(id: str, version: int) -> SlaPolicy:
    return _POLICIES.get(id, version)


# A policy never changes: a photograph need not hold a copy of it for every incident.
copyreg.pickle(SlaPolicy, lambda policy: (_policy, (policy.id, policy.version)))


class Away(Exception):
    """The database went away before the commit: nothing was done, the same may be asked again."""

    retryable = True


class Killed(BaseException):
    """The replica was killed: whoever waited for its answer hears nothing."""


class Keys:
    """The idempotency store. A look misses `unseen`: keys that a twin has just committed, as a snapshot would."""

    def __init__(self) -> None:
        self.rows: dict[Any, Any] = {}
        self.unseen: frozenset[Any] = frozenset()

    def fingerprint(self, command: Any) -> bytes:
        return orjson.dumps(command, option=orjson.OPT_SORT_KEYS)

    def recall(self, keys: Any) -> dict[Any, Any]:
        return {key: self.rows[key] for key in keys if key in self.rows and key not in self.unseen}

    def remember(self, rows: Mapping[Any, Any]) -> None:
        if not self.unseen.isdisjoint(rows):
            self.unseen = frozenset()
            raise KeyTaken
        self.rows.update(rows)


class Memory:
    """The unit of work and the database in one. `fault` names what befalls the next transaction, then it is over."""

    def __init__(self) -> None:
        self.incidents = FakeIncidents()
        self.teams = FakeTeams(self.incidents)
        for number, (call_sign, (lat, skills, capacity)) in enumerate(_BASES.items(), start=1):
            self.teams.add(
                team(number, call_sign=call_sign, base_lat=lat, base_lon=120.0, skills=skills, capacity=capacity,
                     centre_code="C-999999001001")
            )  # fmt: skip
        self.places, self.policies = _PLACES, _POLICIES
        self.contacts, self.answers = FakeVault(), Keys()
        self.now: datetime = T0
        self.fault: str | None = None
        self.deadlines: dict[UUID, dict[tuple[str, int], datetime]] = {}
        self.timeline: dict[UUID, list[tuple[int, bytes, bytes]]] = {}
        self.fresh: list[tuple[UUID, Any]] = []
        self.fresh_teams: set[UUID] = set()
        self.team_facts: dict[str, list[str]] = {}
        self._ids = 100

    # --- the unit of work

    def new_id(self) -> UUID:
        self._ids += 1
        return UUID(int=self._ids)

    def flush(self) -> None:
        if self.fault == "killed_between_steps":
            self.fault = None
            raise Killed

    def still_here(self) -> None:
        pass

    def lock_centre(self, centre_code: str) -> None:
        self.flush()

    # --- the database

    def transact(self, work: Callable[[Any], Any]) -> Any:
        """Run `work` and commit, or leave everything as it was."""
        before = self._photograph() if self.fault is not None or self.answers.unseen else None
        try:
            result = work(self)
            fault, self.fault = self.fault, None
            _strike(fault)
            self.commit()
        except BaseException:
            if before is not None:
                self._restore(before)
            raise
        if fault == "answer_lost":
            raise Killed
        return result

    def commit(self) -> None:
        for incident in self.incidents.rows.values():
            if incident.events:
                self.publish(incident)
            changes = incident.deadlines
            if changes.disarmed:
                armed = self.deadlines.setdefault(incident.id, {})
                for change in changes.collect():
                    if change.due_at is None:
                        armed.pop((change.kind, change.generation), None)
                    else:
                        armed[(change.kind, change.generation)] = change.due_at
            incident.breaches.clear()
            incident.roster.changed.clear()
            incident.is_new = False
        for each in self.teams.rows.values():
            if each.events:
                # Those that were there before were never told to have been created.
                told = self.team_facts.setdefault(each.call_sign, [])
                told += [event.type for event in each.events if event.type != "created"]
                each.events.clear()
                self.fresh_teams.add(each.id)

    def publish(self, incident: Incident) -> None:
        """Events join the timeline and its hash chain."""
        links = self.timeline.setdefault(incident.id, [])
        head = links[-1][2] if links else GENESIS
        for event in incident.events:
            body = orjson.dumps({"type": event.type, "data": event.data, "recorded_at": event.recorded_at})
            head = link(head, body)
            links.append((event.version, body, head))
            self.fresh.append((incident.id, event))
        incident.events.clear()

    def fire(self, rows: Sequence[Fired]) -> None:
        """Claim and apply due deadlines in one transaction, as the sidecar does."""

        def work(uow: Any) -> None:
            self.claim(rows)
            fire_deadlines(uow, rows)

        self.transact(work)

    def fire_at_two(self, rows: Sequence[Fired]) -> None:
        """Two replicas claim at the same moment, seeing the same rows; each skips what the other has locked."""
        before = self._photograph()
        self.fire(rows)
        left = self.unlocked(rows, locked=rows)
        if left:
            # Only a claim that does not skip comes here: what it does, it does to what was there before.
            self._restore(before)
            self.fire(left)

    def unlocked(self, rows: Sequence[Fired], *, locked: Sequence[Fired]) -> list[Fired]:
        """What a claim gets while another transaction holds `locked`."""
        return [row for row in rows if row not in locked]

    def claim(self, rows: Sequence[Fired]) -> None:
        for row in rows:
            armed = self.deadlines.get(row.incident_id, {})
            if armed.get((row.kind, row.generation)) == row.due_at:
                del armed[(row.kind, row.generation)]

    def reload(self) -> None:
        """Every incident goes through its rows and back, as between two transactions of real processes."""
        for incident_id, incident in self.incidents.rows.items():
            self.incidents.rows[incident_id] = through_rows(incident)

    def _photograph(self) -> bytes:
        return pickle.dumps(
            (self.incidents.rows, self.teams.rows, self.deadlines, self._ids, self.contacts.sealed, self.answers.rows),
            protocol=pickle.HIGHEST_PROTOCOL,
        )

    def _restore(self, photograph: bytes) -> None:
        rows, teams, self.deadlines, self._ids, sealed, answers = pickle.loads(photograph)  # noqa: S301 our own
        self.incidents.rows, self.teams.rows = rows, teams
        self.contacts.sealed, self.answers.rows = sealed, answers


def _strike(fault: str | None) -> None:
    if fault in {"killed_between_steps", "killed_before_commit"}:
        raise Killed
    if fault == "database_away":
        raise Away


def through_rows(incident: Incident) -> Incident:
    """The incident as it is read back after it was written by dispatch's own mapping."""
    row, moving = incident_rows.fixed(incident), incident_rows.moving(incident, GENESIS)
    assignments = []
    for each in incident.assignments:
        written = incident_rows.assignment_row(each)
        values = [written[name] for name in ("assignment_id", "incident_id", "team_id", "seq", "centre_code", "state")]
        facts = orjson.dumps(written["facts"])
        assignments.append(incident_rows.to_assignment((*values, stamps_json(each.stamps), facts)))
    stamps, clocks, facts = incident_rows.documents(incident)
    columns = (
        "incident_id", "policy_id", "policy_version", "source", "category", "kind", "priority", "alarm_level", "lat",
        "lon", "grid_code", "jurisdiction", "exercise", "backfill", "version", "state", "reference_system",
        "reference_number", "summary", "address", "centre_code",
    )  # fmt: skip
    both = {**row, **moving}
    values = [both[name] for name in columns]
    return incident_rows.to_incident((*values, None, stamps, clocks, facts), _POLICIES, assignments)
