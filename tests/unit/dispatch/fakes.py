"""The ports of dispatch, kept in memory. A transaction that fails leaves nothing behind, as in the database."""

import copy
import json
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from services.dispatch.application.ports import KeyTaken, Neighbour, Page
from services.dispatch.domain.geo import haversine_metres
from services.dispatch.domain.policy import PolicyBook, built_in_policies
from services.dispatch.domain.states import OPEN_ASSIGNMENT, OPEN_INCIDENT
from tests.support.callers import DEVELOPER
from tests.unit.dispatch.builders import COMMUNITY, COUNTY, MICRO, T0, TOWN, centre, tree

ACTOR = DEVELOPER


class FakePlaces:
    def __init__(self):
        self.tree = tree()
        self.centres = [centre("C-999999", COUNTY), centre("C-999999001", TOWN), centre("C-999999001001", COMMUNITY)]
        self.timezone = ZoneInfo("Asia/Shanghai")

    def locate(self, lat, lon):
        return MICRO if 29 <= lat <= 31 and 119 <= lon <= 121 else None


class FakePlacesWriter:
    def __init__(self):
        self.grids, self.centres, self.posts = [], [], []

    def put_grids(self, nodes):
        self.grids += nodes

    def put_centres(self, centres):
        self.centres += centres

    def put_posts(self, posts):
        self.posts += posts


class FakeIncidents:
    def __init__(self):
        self.rows: dict = {}
        self.loads = 0

    def load(self, *, ids=(), references=(), assignment_ids=()):
        self.loads += 1

    def get(self, incident_id):
        return self.rows.get(incident_id)

    def by_reference(self, system, number):
        wanted = (system, number)
        return next((i for i in self.rows.values() if (i.reference_system, i.reference_number) == wanted), None)

    def by_assignment(self, assignment_id):
        return next((i for i in self.rows.values() if i.roster.find(assignment_id)), None)

    def duplicates_of(self, root_id):
        return [i for i in self.rows.values() if i.merge and i.merge.root_id == root_id]

    def duplicate_ids(self, root_id):
        return sorted(each.id for each in self.duplicates_of(root_id))

    def add(self, incident):
        self.rows[incident.id] = incident

    def caused_by(self, incident_id, traceparent):
        pass

    def look_around(self, queries):
        pass

    def near(self, query):
        inside = (
            i
            for i in self.rows.values()
            if query.since <= i.received_at <= query.until and i.exercise == query.exercise
        )
        return [Neighbour.of(i, primary=bool(self.duplicates_of(i.id))) for i in inside if i.state in OPEN_INCIDENT]

    def chain_head(self, incident_id):
        return bytes(32)


class FakeTeams:
    def __init__(self, incidents):
        self.rows: dict = {}
        self._incidents = incidents

    def load(self, *, ids=(), call_signs=()):
        pass

    def get(self, team_id):
        return self.rows.get(team_id)

    def by_call_sign(self, call_sign):
        return next((each for each in self.rows.values() if each.call_sign == call_sign), None)

    def add(self, team):
        self.rows[team.id] = team

    def candidates(self):
        for each in self.rows.values():
            each.open_assignments = sum(
                a.team_id == each.id and a.state in OPEN_ASSIGNMENT
                for i in self._incidents.rows.values() for a in i.assignments
            )  # fmt: skip
        return sorted(self.rows.values(), key=lambda each: each.call_sign)

    def of_member(self, subject):
        return frozenset(
            each.id for each in self.rows.values() if any(subject in (m.reference, m.stand_in) for m in each.members)
        )

    def free(self, skills, around=None):
        return [
            each for each in self.candidates()
            if each.in_service and each.open_assignments < each.capacity and (not skills or {*skills} & {*each.skills})
            and (around is None or is_near(each, around))
        ]  # fmt: skip


def is_near(team, around):
    """By its last fix or its base; one of which neither is known is anywhere."""
    fix = team.position
    known = [(fix.lat, fix.lon)] if fix else []
    known += [] if team.base_lat is None else [(team.base_lat, team.base_lon)]
    return not known or any(haversine_metres(around.lat, around.lon, *each) <= around.metres for each in known)


class FakeVault:
    def __init__(self):
        self.sealed: dict = {}

    def seal(self, incident_id, contact):
        self.sealed[incident_id] = dict(contact)

    def open(self, incident_id):
        return self.sealed.get(incident_id)


class FakeAnswers:
    def __init__(self):
        self.rows: dict = {}
        self.twin = None

    def fingerprint(self, command):
        return json.dumps(command, sort_keys=True, default=str).encode()

    def recall(self, keys):
        return {key: self.rows[key] for key in keys if key in self.rows}

    def remember(self, rows):
        if self.twin is not None:
            twin, self.twin = self.twin, None
            raise Twin(twin)
        self.rows.update(rows)


class Twin(KeyTaken):
    """Somebody else answered the key first; carries what they committed."""


class FakeDenials(list):
    """The record; `add` is the port's word for it."""

    add = list.append


class FakeUnit:
    def __init__(self, now: datetime = T0):
        self.incidents = FakeIncidents()
        self.teams = FakeTeams(self.incidents)
        self.places, self.places_writer = FakePlaces(), FakePlacesWriter()
        self.policies = PolicyBook(built_in_policies())
        self.contacts, self.answers, self.denials = FakeVault(), FakeAnswers(), FakeDenials()
        self.now = now
        self.flushes = 0
        self.locked: list = []
        self._ids = 100

    def new_id(self):
        self._ids += 1
        return UUID(int=self._ids)

    def still_here(self):
        pass

    def flush(self):
        self.flushes += 1

    def lock_centre(self, centre_code):
        self.locked.append(centre_code)


class FakeDatabase:
    """One unit whose state survives; `transact` works on a copy and keeps it only when nothing was raised."""

    def __init__(self):
        self.unit = FakeUnit()
        self.transactions = 0
        self.failures: list = []

    def transact(self, work):
        self.transactions += 1
        unit = copy.deepcopy(self.unit)
        try:
            result = work(unit)
            if self.failures:
                raise self.failures.pop(0)
        except Twin as twin:
            (committed,) = twin.args
            self.unit.answers.rows.update(committed)
            self.unit.answers.twin = None
            raise
        self.unit = unit
        return result


class FakeReading:
    """What the database shows to somebody who only looks."""

    def __init__(self, unit):
        self.unit, self.now, self.places, self.policies = unit, unit.now, unit.places, unit.policies
        self.asked: list = []
        self.groups: list = []

    def find(self, incident_id):
        return self.unit.incidents.get(incident_id)

    def find_reference(self, system, number):
        return self.unit.incidents.by_reference(system, number)

    def answered(self, client, key):
        row = self.unit.answers.rows.get((client, key))
        return None if row is None else row.answer

    def elsewhere(self, incident_id, system, number):
        return None

    def page(self, filters, limit, cursor):
        if cursor not in (None, "next"):
            raise ValueError(cursor)
        self.asked.append(filters)
        return Page(list(self.unit.incidents.rows.values())[:limit], None)

    def near(self, query):
        return self.unit.incidents.near(query)

    def chain_heads(self, incident_ids):
        return {each: bytes(32) for each in incident_ids}

    def duplicate_ids(self, root_ids):
        return {each: [i.id for i in self.unit.incidents.duplicates_of(each)] for each in root_ids}

    def timeline(self, incident_id):
        return []

    def teams(self):
        return self.unit.teams.candidates()

    def teams_of(self, subject):
        return self.unit.teams.of_member(subject)

    def call_signs(self, team_ids):
        return {each: self.unit.teams.get(each).call_sign for each in team_ids}

    def open_assignments(self, team_ids):
        rows = self.unit.incidents.rows.values()
        return {
            team: [a.id for i in rows for a in i.assignments if a.team_id == team and a.is_open] for team in team_ids
        }

    def open_by_centre(self):
        return {"C-999999001": 2}

    def breaches(self, filters, limit, cursor):
        self.asked.append(filters)
        return [], None

    def figures(self, by, filters):
        self.asked.append(filters)
        return self.groups


def problem_of(error):
    kinds = {"invalid": 422, "not_found": 404, "conflict": 409, "forbidden": 403, "precondition": 412}
    problem = {"code": getattr(error, "code", "internal"), "status": kinds.get(getattr(error, "kind", ""), 500)}
    told = {"field": getattr(error, "field", None), "rule": getattr(error, "rule", None)}
    return {**problem, **told, **getattr(error, "extra", {})}
