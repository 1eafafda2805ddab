"""A county of squares, books in memory, and what an import of the one into the other makes."""

import copy
import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from services.registry.adapters.survey import ShapelySurveyor
from services.registry.application.county_import import import_county


class MemoryRepository:
    def __init__(self):
        self.kept = {}

    def all_current(self):
        return {key: type(thing)(key, thing.versions[-1:]) for key, thing in self.kept.items()}

    def save(self, changed):
        for thing in changed:
            before = self.kept.get(thing.key)
            first = thing.versions[0].number
            past = [version for version in (before.versions if before else []) if version.number < first]
            self.kept[thing.key] = type(thing)(thing.key, past + thing.versions)


class MemoryBooks:
    """Meets the port Books; each transaction is a second later than the one before."""

    def __init__(self):
        self.grids, self.centres, self.posts = MemoryRepository(), MemoryRepository(), MemoryRepository()
        self.clock = datetime(2026, 1, 1, tzinfo=UTC)
        self.told = []
        self.tree_version = 0

    def now(self):
        return self.clock

    def announce(self, changed):
        new = [(thing.key, version) for thing in changed for version in thing.written if version.valid_to is None]
        self.told += new
        return len(new)

    def tree_changed(self):
        self.tree_version += 1
        return self.tree_version

    def take(self, files, **options):
        """Import files (a dict of name to bytes or a County)."""
        self.clock += timedelta(seconds=1)
        files = files.files() if isinstance(files, County) else files
        return import_county(lambda work: work(self), ShapelySurveyor(), files, **options)


def square(west, south, size=0.01):
    east, north = west + size, south + size
    return {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }


TREE = (
    ("999999", None, "county", None, None),
    ("999999001", "999999", "town", None, None),
    ("999999001001", "999999001", "community", None, None),
    ("999999001001001", "999999001001", "grid", "street", None),
    ("99999900100100101", "999999001001001", "micro_grid", "street", square(119.00, 29.0)),
    ("99999900100100102", "999999001001001", "micro_grid", "street", square(119.01, 29.0)),
)
CORE = ("grid_lead", "full_time_worker", "part_time_worker", "community_police")

CENTRE = {
    "code": "C0-999999",
    "name_zh": "演示县中心",
    "name_en": "Demo centre",
    "kind": "county",
    "grid_code": "999999",
    "lat": "29.005",
    "lon": "119.005",
    "always_open": "true",
    "opens": "",
    "closes": "",
}


class County:
    """Editable files of a small sound county."""

    def __init__(self):
        self.features = [
            {
                "type": "Feature",
                "properties": {
                    "code": code,
                    "parent_code": parent,
                    "level": level,
                    "kind": kind,
                    "name_zh": f"演示{code[-2:]}",
                    "name_en": f"Demo {code[-2:]}",
                },
                "geometry": copy.deepcopy(geometry),
            }
            for code, parent, level, kind, geometry in TREE
        ]
        self.centres = [dict(CENTRE)]
        self.posts = [
            {
                "post_id": f"post-{number}",
                "grid_code": "999999001001001",
                "role": role,
                "a_holder": f"staff-{number:03d}",
                "b_holder": "",
                "a_absent": "false",
            }
            for number, role in enumerate(CORE, 1)
        ]

    def feature(self, code):
        return next(each for each in self.features if each["properties"]["code"] == code)

    def change(self, code, **properties):
        self.feature(code)["properties"].update(properties)

    def draw(self, code, geometry):
        self.feature(code)["geometry"] = geometry

    def files(self):
        collection = {"type": "FeatureCollection", "features": self.features}
        return {
            "grids.geojson": json.dumps(collection).encode(),
            "centres.csv": table(self.centres),
            "posts.csv": table(self.posts),
        }


def table(rows):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@pytest.fixture
def county():
    return County()


@pytest.fixture
def books():
    return MemoryBooks()


@pytest.fixture
def at_square():
    return square
