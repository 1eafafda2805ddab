"""A small county and the commands of its tests."""

import itertools

from services.dispatch.domain.centre import Centre
from services.dispatch.domain.grid_tree import GridNode
from tests.support.callers import DEVELOPER

COUNTY, TOWN, COMMUNITY, GRID = "999999", "999999001", "999999001001", "999999001001001"
WEST, EAST = f"{GRID}01", f"{GRID}02"
COUNTY_CENTRE, TOWN_CENTRE, STATION = "C-999999", "C-999999001", "C-999999001001"
# Inside WEST and inside EAST: the two share the border at longitude 119.5.
IN_WEST, IN_EAST = {"lat": 29.5, "lon": 119.25}, {"lat": 29.5, "lon": 119.75}
DEV = DEVELOPER
LEVELS = {6: "county", 9: "town", 12: "community", 15: "grid", 17: "micro_grid"}
_numbers = itertools.count(1)


def box(west, south, east, north):
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def node(code, version=1, boundary=None, **more):
    parent = next((code[:length] for length in sorted(LEVELS, reverse=True) if length < len(code)), None)
    return GridNode(code, version, parent, LEVELS[len(code)], None, "演示", "Demo", boundary, **more)


def desk(code, grid_code, kind):
    return Centre(code, "演示中心", "Demo", kind, grid_code, 29.5, 119.5, always_open=True, hours=None, version=1)


def fill_county(unit):
    unit.places_writer.put_grids(
        [
            *(node(code) for code in (COUNTY, TOWN, COMMUNITY, GRID)),
            node(WEST, boundary=box(119.0, 29.0, 119.5, 30.0)),
            node(EAST, boundary=box(119.5, 29.0, 120.0, 30.0)),
        ]
    )
    unit.places_writer.put_centres([
        desk(COUNTY_CENTRE, COUNTY, "county"), desk(TOWN_CENTRE, TOWN, "street_centre"),
        desk(STATION, COMMUNITY, "community_station"),
    ])  # fmt: skip


def command(name, **envelope):
    """A command with a key of its own unless one is given."""
    occurred_at = envelope.pop("occurred_at", None)
    if occurred_at is not None:
        envelope["occurred_at"] = occurred_at if isinstance(occurred_at, str) else occurred_at.isoformat()
    return {"command": name, "key": f"key-{next(_numbers)}", "data": {}, **envelope}


def call_for_help(number=None, **data):
    """The data of `incident.create`: a medical call from the west."""
    number = number or f"n{next(_numbers)}"
    told = {"reference": {"system": "police110", "number": number}, "source": "police", "category": "medical"}
    return {**told, "location": IN_WEST, **data}
