"""Which incidents are near another in space and time: in SQL for what is stored, in Python for what is not yet."""

import math
from collections.abc import Iterable
from typing import Any

from services.dispatch.adapters import incident_rows
from services.dispatch.application.ports import DuplicateQuery
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.states import OPEN_INCIDENT, IncidentState

METRES_PER_DEGREE = 111_320.0
MOST = 50
# Closed and cancelled ones are over; a merged one speaks through its root.
CANDIDATE_STATES = frozenset({*OPEN_INCIDENT, IncidentState.RESOLVED})

STATEMENT = f"""
SELECT {incident_rows.SELECTED} FROM incident
WHERE received_at BETWEEN %(since)s AND %(until)s AND exercise = %(exercise)s AND state = ANY(%(states)s)
  AND (lat BETWEEN %(south)s AND %(north)s AND lon BETWEEN %(west)s AND %(east)s OR grid_code = %(grid_code)s)
  AND incident_id IS DISTINCT FROM %(exclude)s::uuid
ORDER BY abs(extract(epoch FROM received_at - %(middle)s)) LIMIT {MOST}
"""


def parameters(query: DuplicateQuery) -> dict[str, Any]:
    """The parameters of `STATEMENT`."""
    south, north, west, east = _box(query)
    return {
        "since": query.since,
        "until": query.until,
        "middle": query.since + (query.until - query.since) / 2,
        "exercise": query.exercise,
        "states": sorted(CANDIDATE_STATES),
        "south": south,
        "north": north,
        "west": west,
        "east": east,
        "grid_code": query.grid_code,
        "exclude": query.exclude,
    }


def closest(query: DuplicateQuery, incidents: Iterable[Incident]) -> list[Incident]:
    """Those of `incidents` that are in the window, nearest in time first."""
    middle = query.since + (query.until - query.since) / 2
    inside = [each for each in incidents if _inside(query, each)]
    return sorted(inside, key=lambda each: (abs(each.received_at - middle), each.id))[:MOST]


def _inside(query: DuplicateQuery, incident: Incident) -> bool:
    if (
        incident.id == query.exclude
        or incident.exercise != query.exercise
        or incident.state not in CANDIDATE_STATES
        or not query.since <= incident.received_at <= query.until
    ):
        return False
    south, north, west, east = _box(query)
    placed = south is not None and incident.lat is not None and incident.lon is not None
    if placed and south <= incident.lat <= north and west <= incident.lon <= east:
        return True
    return query.grid_code is not None and incident.grid_code == query.grid_code


def _box(query: DuplicateQuery) -> tuple[Any, Any, Any, Any]:
    """South, north, west, east in degrees; all None without a point."""
    if query.lat is None or query.lon is None:
        return None, None, None, None
    high = query.radius_metres / METRES_PER_DEGREE
    # Towards a pole a degree of longitude shrinks; near it the box is simply the whole circle.
    wide = min(high / max(math.cos(math.radians(query.lat)), 1e-3), 180.0)
    return query.lat - high, query.lat + high, query.lon - wide, query.lon + wide
