"""Which incidents are near another in space and time: in SQL for what is stored, in Python for what is not yet."""

from collections.abc import Collection, Iterable, Sequence
from heapq import nsmallest
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from services.dispatch.adapters import bulk
from services.dispatch.adapters.box import around
from services.dispatch.application.ports import DuplicateQuery, Neighbour
from services.dispatch.domain.duplicates import Sighting
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.states import OPEN_INCIDENT, IncidentState

MOST = 50
# Closed and cancelled ones are over; a merged one speaks through its root.
CANDIDATE_STATES = frozenset({*OPEN_INCIDENT, IncidentState.RESOLVED})
_COLUMNS = (
    ("place", "integer"), ("since", "timestamptz"), ("until", "timestamptz"), ("exercise", "boolean"),
    ("south", "double precision"), ("north", "double precision"), ("west", "double precision"),
    ("east", "double precision"), ("grid_code", "text"), ("exclude", "uuid"),
)  # fmt: skip
# Word for word the predicate of the two partial indexes: only then are they used. They hold the few live incidents of a
# county, however many are stored; one lookup by place and one by grid, as OR would read both whole. When hundreds call
# about one event, what others stand under is the one to find, and its own call is not the nearest in time: it is first.
_LIVE = "state NOT IN ('closed', 'archived', 'cancelled', 'merged')"
_FOUND = f"""
SELECT incident_id, state, i.exercise, lat, lon, i.grid_code, received_at, category, kind, summary, address, is_primary
FROM incident i CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM incident d WHERE d.merged_into = i.incident_id) AS is_primary
) AS under
WHERE {_LIVE} AND {{where}} AND received_at BETWEEN q.since AND q.until AND i.exercise = q.exercise
  AND incident_id IS DISTINCT FROM q.exclude
ORDER BY is_primary DESC, abs(extract(epoch FROM (received_at - q.since) - (q.until - received_at))) LIMIT {MOST}
"""
_BY_PLACE = _FOUND.format(where="lat BETWEEN q.south AND q.north AND lon BETWEEN q.west AND q.east")
_BY_GRID = _FOUND.format(where="i.grid_code = q.grid_code")


def look(connection: Connection, queries: Sequence[DuplicateQuery]) -> dict[DuplicateQuery, list[Neighbour]]:
    """The stored incidents in each window, in one statement; some of them twice, and more than `MOST`."""
    found: dict[DuplicateQuery, list[Neighbour]] = {query: [] for query in queries}
    rows = [_row(place, query) for place, query in enumerate(queries)]
    # Many calls about one event all find the same few.
    seen: dict[Any, Neighbour] = {}
    for place, *row in bulk.join_each(connection, _COLUMNS, rows, f"({_BY_PLACE}) UNION ALL ({_BY_GRID})"):
        one = seen.get(row[0]) or seen.setdefault(row[0], _neighbour(row))
        found[queries[place]].append(one)
    return found


class Window:
    """What a query asks for, worked out once: it is held against everything that a transaction has taken up."""

    def __init__(self, query: DuplicateQuery) -> None:
        self._query = query
        self._middle = query.since + (query.until - query.since) / 2
        self._south, self._north, self._west, self._east = _box(query)

    def closest(self, incidents: Iterable[Incident], primaries: Collection[UUID]) -> list[Neighbour]:
        """At most `MOST` of the incidents that a transaction has taken up, as they now are, in the order of `closest`.

        `primaries` are those that others stand under.
        """
        inside = (each for each in incidents if self._holds(each))
        found = nsmallest(MOST, inside, lambda each: (each.id not in primaries, abs(each.received_at - self._middle)))
        return [Neighbour.of(each, primary=each.id in primaries) for each in found]

    def _holds(self, one: Incident) -> bool:
        query = self._query
        if one.lat is not None and one.lon is not None and self._south is not None:
            near = self._south <= one.lat <= self._north and self._west <= one.lon <= self._east
        else:
            near = False
        return (
            (near or (query.grid_code is not None and one.grid_code == query.grid_code))
            and one.id != query.exclude
            and one.exercise == query.exercise
            and one.state in CANDIDATE_STATES
            and query.since <= one.received_at <= query.until
        )


def closest(query: DuplicateQuery, neighbours: Iterable[Neighbour]) -> list[Neighbour]:
    """At most `MOST` of what was found, each once: what others stand under first, then nearest in time."""
    middle = query.since + (query.until - query.since) / 2
    found = {each.incident_id: each for each in neighbours}
    return nsmallest(
        MOST, found.values(), key=lambda each: (not each.primary, abs(each.sighting.at - middle), each.incident_id)
    )


def _row(place: int, query: DuplicateQuery) -> dict[str, Any]:
    south, north, west, east = _box(query)
    return {
        "place": place, "since": query.since, "until": query.until, "exercise": query.exercise, "south": south,
        "north": north, "west": west, "east": east, "grid_code": query.grid_code, "exclude": query.exclude,
    }  # fmt: skip


def _neighbour(row: Sequence[Any]) -> Neighbour:
    incident_id, state, exercise, lat, lon, grid_code, at, category, kind, summary, address, primary = row
    sighting = Sighting(lat, lon, grid_code, at, category, kind, f"{summary} {address}")
    return Neighbour(incident_id, state, exercise, sighting, primary)


def _box(query: DuplicateQuery) -> tuple[Any, Any, Any, Any]:
    """South, north, west, east in degrees; all None without a point."""
    if query.lat is None or query.lon is None:
        return None, None, None, None
    return around(query.lat, query.lon, query.radius_metres)
