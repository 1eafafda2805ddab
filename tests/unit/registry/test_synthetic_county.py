import csv
import json
from datetime import date
from zoneinfo import ZoneInfo

import pytest
import shapely
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.county.make import DEMO, DEMO_BOUNDS, make, write_county
from cli.county.place_names import numeral
from cli.county.plan import Bounds, CountyPlan, share_out, sizes
from cli.county.roster import RosterError, lines_for, read_roster, stretches
from contracts.catalogue import load_command
from contracts.dispatch import codes
from services.registry.application.county_files import read_county

CALLS = Bounds(west=-122.5137, south=37.6168, east=-122.3651, north=37.8289)
FILES = ("grids.geojson", "centres.csv", "posts.csv", "teams.csv")
SHANGHAI = ZoneInfo("Asia/Shanghai")


def plan(people=3000, seed=1, bounds=DEMO_BOUNDS, **wanted):
    return CountyPlan(bounds, seed, name_zh="", name_en="", **(sizes(people) | {"people": people} | wanted))


def rows(folder, name):
    return list(csv.DictReader((folder / name).read_text("utf-8").splitlines()))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    write_county(plan(**DEMO), folder)
    return folder


@pytest.fixture(scope="module")
def ground(demo):
    features = json.loads((demo / "grids.geojson").read_text("utf-8"))["features"]
    return {
        feature["properties"]["code"]: shapely.geometry.shape(feature["geometry"])
        for feature in features
        if feature["geometry"] is not None
    }


@pytest.fixture(scope="module")
def cells(ground):
    return shapely.STRtree(list(ground.values()))


def test_the_demo_county_has_the_size_of_a_township_that_runs_today(demo):
    features = json.loads((demo / "grids.geojson").read_text("utf-8"))["features"]
    levels = [feature["properties"]["level"] for feature in features]
    assert {level: levels.count(level) for level in set(levels)} == {
        "county": 1, "town": 10, "community": 40, "grid": 138, "micro_grid": 993,
    }  # fmt: skip
    households = {level: [] for level in levels}
    for feature in features:
        households[feature["properties"]["level"]].append(feature["properties"]["households"])
    assert all(300 <= number <= 500 for number in households["grid"])
    assert all(10 <= number <= 80 for number in households["micro_grid"])
    assert sum(households["micro_grid"]) == sum(households["grid"]) == households["county"][0]


def test_micro_grids_cover_the_box_once_corner_on_corner(ground):
    shapes = list(ground.values())
    assert shapely.coverage_is_valid(shapes)
    box = shapely.box(DEMO_BOUNDS.west, DEMO_BOUNDS.south, DEMO_BOUNDS.east, DEMO_BOUNDS.north)
    assert shapely.union_all(shapes).equals(box)
    assert sum(shape.area for shape in shapes) == pytest.approx(box.area, rel=1e-12)


@settings(max_examples=500)
@given(st.floats(DEMO_BOUNDS.west, DEMO_BOUNDS.east), st.floats(DEMO_BOUNDS.south, DEMO_BOUNDS.north))
def test_any_point_of_the_box_is_in_a_micro_grid_and_in_two_only_on_their_line(cells, ground, lon, lat):
    shapes = list(ground.values())
    point = shapely.Point(lon, lat)
    found = [shapes[index] for index in cells.query(point, predicate="intersects")]
    assert found
    assert sum(shape.contains_properly(point) for shape in found) <= 1
    assert len(found) == 1 or all(shape.boundary.distance(point) < 1e-9 for shape in found)


def test_every_call_of_the_open_data_set_lies_inside():
    assert DEMO_BOUNDS.west < CALLS.west < CALLS.east < DEMO_BOUNDS.east
    assert DEMO_BOUNDS.south < CALLS.south < CALLS.north < DEMO_BOUNDS.north


def test_the_registry_takes_the_demo_county_as_it_is(demo, books):
    files = {name: (demo / name).read_bytes() for name in FILES}
    report = books.take(files)
    assert report.faults == []
    assert report.tallies["grids.geojson"].new == 1182


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_county(tmp_path):
    for folder, seed in (("a", 7), ("b", 7), ("c", 8)):
        write_county(plan(seed=seed), tmp_path / folder)
    for name in FILES:
        first, second, other = ((tmp_path / folder / name).read_bytes() for folder in "abc")
        assert first == second
        assert first != other


@pytest.mark.parametrize(
    "bounds", [Bounds(119.6, 29.0, 119.7, 29.1), Bounds(-0.01, -0.01, 0.01, 0.01), Bounds(25.0, 69.0, 26.0, 69.4)]
)
def test_a_county_may_be_anywhere_and_small(bounds, tmp_path, books):
    write_county(plan(bounds=bounds), tmp_path)
    files = {name: (tmp_path / name).read_bytes() for name in FILES}
    assert books.take(files).faults == []
    shapes = [
        shapely.geometry.shape(row.facts.boundary.to_geojson())
        for row in read_county(files).grids
        if row.facts.boundary
    ]
    assert shapely.coverage_is_valid(shapes)


def test_no_two_towns_or_communities_share_a_name(demo):
    features = json.loads((demo / "grids.geojson").read_text("utf-8"))["features"]
    names = [each["properties"]["name_zh"] for each in features]
    assert len(set(names)) == len(names)


def test_desks_are_one_for_the_county_and_each_town_never_closed_and_one_for_each_community(demo):
    kinds = {}
    for row in rows(demo, "centres.csv"):
        kinds.setdefault(row["kind"], []).append(row)
    assert (len(kinds["county"]), len(kinds["street_centre"]), len(kinds["community_station"])) == (1, 10, 40)
    assert all(row["always_open"] == "true" for row in kinds["county"] + kinds["street_centre"])
    assert {row["always_open"] for row in kinds["community_station"]} == {"true", "false"}
    assert kinds["enterprise_micro_centre"]


def test_teams_are_what_dispatch_takes_and_cover_every_kind_and_the_skills_of_emergencies(demo):
    crews = read_roster((demo / "teams.csv").read_bytes())
    lines = [line for _, line in lines_for(crews, {}, date(2026, 1, 2), SHANGHAI)]
    assert [load_command(line)["command"] for line in lines].count("team.create") == len(crews)
    created = [line["data"] for line in lines if line["command"] == "team.create"]
    assert {team["kind"] for team in created} == set(codes.TEAM_KINDS)
    skills = {skill for team in created for skill in team["skills"]}
    assert {skill for category in codes.CATEGORIES.values() for skill in category.skills} <= skills
    assert len({team["call_sign"] for team in created}) == len(created)


def test_nobody_in_a_county_has_a_name(demo):
    for row in rows(demo, "posts.csv"):
        assert row["a_holder"].startswith("staff-")
        assert not row["b_holder"] or row["b_holder"].startswith("staff-")
    for crew in read_roster((demo / "teams.csv").read_bytes()):
        assert all(member["reference"].startswith("staff-") for member in crew.data["members"])


def test_a_team_that_dispatch_has_already_is_left_alone_and_a_changed_one_is_changed(demo):
    crews = read_roster((demo / "teams.csv").read_bytes())[:2]
    known = {crew.data["call_sign"]: crew.data | {"version": 3, "team_id": "x"} for crew in crews}
    known[crews[1].data["call_sign"]]["capacity"] = 9
    lines = [line for _, line in lines_for(crews, known, date(2026, 1, 2), SHANGHAI)]
    assert [(line["command"], line["team"], line["data"]) for line in lines] == [
        ("team.change", crews[1].data["call_sign"], {"capacity": crews[1].data["capacity"]})
    ]


def test_shifts_of_the_week_become_stretches_and_a_night_ends_the_next_morning():
    friday = date(2026, 1, 2)
    night = list(stretches("5-5 20:00-08:00", friday, SHANGHAI))
    assert night[0] == {"starts_at": "2026-01-02T20:00:00+08:00", "ends_at": "2026-01-03T08:00:00+08:00"}
    assert len(night) == 4
    assert len(list(stretches("1-7 08:00-12:00;1-7 13:00-17:00", friday, SHANGHAI))) == 58


@pytest.mark.parametrize("cell", [("capacity", "many"), ("shifts", "8-9"), ("members", "lead"), ("always_on", "maybe")])
def test_a_row_of_teams_that_cannot_be_read_is_named(demo, cell):
    lines = (demo / "teams.csv").read_text("utf-8").splitlines()
    row = dict(zip(lines[0].split(","), lines[1].split(","), strict=True)) | {cell[0]: cell[1]}
    body = "\n".join([lines[0], ",".join(row.values())]).encode()
    with pytest.raises(RosterError, match=r"teams\.csv:2"):
        read_roster(body)


@given(st.integers(0, 500), st.lists(st.floats(0.1, 10), min_size=1, max_size=30))
def test_sharing_out_gives_everybody_one_and_loses_nothing(more, weights):
    shares = share_out(len(weights) + more, weights)
    assert sum(shares) == len(weights) + more
    assert min(shares) >= 1


def test_numbers_are_written_as_chinese_writes_them():
    written = {number: numeral(number) for number in (1, 10, 11, 20, 21, 100, 103, 115, 120)}
    assert written == {
        1: "一", 10: "十", 11: "十一", 20: "二十", 21: "二十一", 100: "一百", 103: "一百零三", 115: "一百一十五",
        120: "一百二十",
    }  # fmt: skip


@pytest.mark.parametrize("bbox", ["1,2,3", "a,b,c,d", "2,0,1,1", "0,0,1,90", "0,0,0.00001,1"])
def test_a_box_that_is_none_is_refused(bbox, tmp_path):
    result = CliRunner().invoke(make, [str(tmp_path), "--bbox", bbox])
    assert result.exit_code == 2
    assert "--bbox" in result.output


def test_more_micro_grids_than_a_code_has_room_for_are_refused(tmp_path):
    result = CliRunner().invoke(make, [str(tmp_path), "--people", "3000", "--grids", "2", "--micro-grids", "500"])
    assert (result.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert "micro_grid" in result.output


def test_a_box_without_room_for_its_micro_grids_is_refused(tmp_path):
    result = CliRunner().invoke(make, [str(tmp_path), "--bbox", "0,0,0.0001,0.0001", "--people", "500000"])
    assert result.exit_code == 1
    assert "box is too small" in result.output
