"""Teams of one transaction with their load; saved against the version they were read at."""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection

from services.dispatch.adapters import box, bulk
from services.dispatch.adapters import json_records as records
from services.dispatch.adapters.clash import Clash
from services.dispatch.application.terms import Around
from services.dispatch.domain.team import Position, Team

COLUMNS = (
    ("call_sign", "text"), ("name_zh", "text"), ("name_en", "text"), ("kind", "text"), ("centre_code", "text"),
    ("capacity", "smallint"), ("base_lat", "double precision"), ("base_lon", "double precision"),
    ("lat", "double precision"), ("lon", "double precision"), ("position_at", "timestamptz"), ("always_on", "boolean"),
    ("in_service", "boolean"), ("skills", "jsonb"), ("members", "jsonb"), ("shifts", "jsonb"), ("version", "integer"),
)  # fmt: skip
_SELECTED = "t.team_id, " + ", ".join(f"t.{name}" for name, _ in COLUMNS)
_IS_OPEN = "a.state IN ('assigned', 'accepted', 'en_route', 'on_scene')"
_SOME = f"""
SELECT {_SELECTED}, (SELECT count(*) FROM assignment a WHERE a.team_id = t.team_id AND {_IS_OPEN})
FROM team t WHERE t.team_id = ANY(%(ids)s::uuid[]) OR t.call_sign = ANY(%(call_signs)s::text[])
"""
_WITH_LOAD = f"""
SELECT {_SELECTED}, coalesce(load.open, 0) FROM team t
LEFT JOIN (
    SELECT a.team_id, count(*) AS open FROM assignment a WHERE {_IS_OPEN} GROUP BY a.team_id
) load USING (team_id)
"""
_ALL = f"{_WITH_LOAD} ORDER BY t.call_sign"
_FREE = f"""
{_WITH_LOAD} WHERE t.in_service AND coalesce(load.open, 0) < t.capacity
  AND (%(skills)s::text[] = '{{}}' OR t.skills ?| %(skills)s::text[])
"""
# By its last fix or by its base, whichever the recommendation goes by; one of which neither is known is anywhere.
_NEAR = f"""
{_FREE}
  AND (t.lat BETWEEN %(south)s AND %(north)s AND t.lon BETWEEN %(west)s AND %(east)s
       OR t.base_lat BETWEEN %(south)s AND %(north)s AND t.base_lon BETWEEN %(west)s AND %(east)s
       OR (t.lat IS NULL OR t.lon IS NULL) AND (t.base_lat IS NULL OR t.base_lon IS NULL))
"""

_OF_MEMBER = "SELECT team_id FROM team WHERE members @> %(holder)s::jsonb OR members @> %(deputy)s::jsonb"


class TeamRepository:
    """Implements `application.ports.Teams`. Rows are not locked: two commands seldom change one team at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._by_id: dict[UUID, Team | None] = {}
        self._by_call_sign: dict[str, Team | None] = {}
        self._read_at: dict[UUID, int] = {}

    def load(self, *, ids: Collection[UUID] = (), call_signs: Collection[str] = ()) -> None:
        """One statement for all that is not yet known."""
        ids = [each for each in ids if each not in self._by_id]
        call_signs = [each for each in call_signs if each not in self._by_call_sign]
        if not (ids or call_signs):
            return
        wanted = {"ids": list(ids), "call_signs": call_signs}
        self._take(bulk.select(self._connection, _SOME, wanted))
        self._by_id = {**dict.fromkeys(ids), **self._by_id}
        self._by_call_sign = {**dict.fromkeys(call_signs), **self._by_call_sign}

    def get(self, team_id: UUID) -> Team | None:
        """The team, or None."""
        if team_id not in self._by_id:
            self.load(ids=[team_id])
        return self._by_id[team_id]

    def by_call_sign(self, call_sign: str) -> Team | None:
        """The team of this call sign, or None."""
        if call_sign not in self._by_call_sign:
            self.load(call_signs=[call_sign])
        return self._by_call_sign[call_sign]

    def add(self, team: Team) -> None:
        """Take up a new team."""
        self._by_id[team.id] = self._by_call_sign[team.call_sign] = team

    def candidates(self) -> list[Team]:
        """Every team with its open assignments as stored now, in order of call signs."""
        return self._take(bulk.select(self._connection, _ALL))

    def free(self, skills: Collection[str], around: Around | None = None) -> list[Team]:
        """Those in service that have one of the skills, and room for one more: a fraction of a large county's."""
        asked: dict[str, Any] = {"skills": list(skills)}
        if around is None:
            return self._take(bulk.select(self._connection, _FREE, asked))
        sides = zip(("south", "north", "west", "east"), box.around(around.lat, around.lon, around.metres), strict=True)
        return self._take(bulk.select(self._connection, _NEAR, {**asked, **dict(sides)}))

    def of_member(self, subject: str) -> frozenset[UUID]:
        """The teams in whose crew this reference stands."""
        return of_member(self._connection, subject)

    def changed(self) -> list[Team]:
        """Teams with something to save."""
        return [each for each in self._by_id.values() if each is not None and (each.is_new or each.events)]

    def save(self) -> None:
        """Insert new teams, update changed ones. Raises Clash when another transaction changed one meanwhile."""
        changed = sorted(self.changed(), key=lambda each: each.id)
        new, old = [each for each in changed if each.is_new], [each for each in changed if not each.is_new]
        bulk.insert(self._connection, "team", (("team_id", "uuid"), *COLUMNS), [_row(each) for each in new])
        rows = [{**_row(each), "read_at": self._read_at[each.id]} for each in old]
        if bulk.update(self._connection, "team", "team_id", COLUMNS, rows, only=("read_at", "version")) != len(rows):
            raise Clash("a team was changed by another transaction")
        for each in changed:
            self._read_at[each.id] = each.version
            each.is_new = False

    def _take(self, rows: Iterable[tuple[Any, ...]]) -> list[Team]:
        taken = []
        for row in rows:
            known = self._by_id.get(row[0])
            if known is None:
                known = _team(row)
                self._by_id[known.id] = self._by_call_sign[known.call_sign] = known
                self._read_at[known.id] = known.version
            known.open_assignments = row[-1]
            taken.append(known)
        return taken


def of_member(connection: Connection, subject: str) -> frozenset[UUID]:
    """The teams in whose crew a reference stands, as holder or stand-in: by the index of the crews."""
    crews = {
        name: orjson.dumps([{key: subject}]).decode() for name, key in (("holder", "reference"), ("deputy", "stand_in"))
    }
    return frozenset(row[0] for row in bulk.select(connection, _OF_MEMBER, crews))


def _row(team: Team) -> dict[str, Any]:
    row = {name: getattr(team, name, None) for name, _ in COLUMNS}
    if team.position is not None:
        row.update(lat=team.position.lat, lon=team.position.lon, position_at=team.position.at)
    return {"team_id": team.id, **row}


def _team(row: tuple[Any, ...]) -> Team:
    team_id, *values, open_assignments = row
    fields = dict(zip((name for name, _ in COLUMNS), values, strict=True))
    lat, lon, at = fields.pop("lat"), fields.pop("lon"), fields.pop("position_at")
    fields["skills"] = tuple(fields["skills"])
    fields["members"] = records.members(fields["members"])
    fields["shifts"] = records.shifts(fields["shifts"])
    position = None if at is None else Position(lat, lon, at)
    return Team(id=team_id, position=position, open_assignments=open_assignments, **fields)
