import json
import threading
from datetime import UTC, datetime, timedelta

import orjson
import pytest
import shapely
import sqlalchemy as sa

from contracts import answers as contract
from contracts import catalogue, envelope
from contracts.names import routing_key
from services.registry.domain.errors import Refusal

MICRO = "99999900100100101"
pytestmark = pytest.mark.integration


def outbox(engine):
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT exchange, routing_key, order_key, body FROM outbox ORDER BY id")
        ).all()
    return [(row[0], row[1], row[2], envelope.load(bytes(row[3]))) for row in rows]


def count(engine, table):
    with engine.connect() as connection:
        return connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()


def split(geometry):
    """The western half of a polygon."""
    shape = shapely.geometry.shape(geometry)
    west, south, east, north = shape.bounds
    half = shapely.box(west, south, (west + east) / 2, north)
    return json.loads(shapely.to_geojson(shape.intersection(half)))


def test_a_county_is_stored_with_its_ground_and_the_areas_of_a_level_add_up(take, county_files, engine):
    report = take(county_files)
    assert report.faults == []
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT level, count(*), sum(area_m2) FROM grid_version GROUP BY level")
        ).all()
    areas = {level: area for level, _, area in rows}
    # 0.1 by 0.08 degrees at 29 degrees north is 9.74 km by 8.87 km on the ellipsoid of WGS 84.
    assert areas["micro_grid"] == pytest.approx(9_740 * 8_868, rel=0.001)
    for level in ("county", "town", "community", "grid"):
        assert areas[level] == pytest.approx(areas["micro_grid"], rel=1e-6)


def test_every_change_is_an_event_of_the_contract_in_the_same_transaction(take, county_files, engine):
    report = take(county_files)
    events = outbox(engine)
    assert len(events) == report.events
    assert {event.type for *_, event in events} == {
        f"wangge.registry.{each}.changed.v1" for each in ("grid", "centre", "post")
    }
    for exchange, key, order_key, event in events:
        assert (exchange, event.subject, event.source) == ("registry.events", order_key, "/registry")
        assert key == routing_key(event.type, event.jurisdiction)
        assert event.sequence == event.data["version"] == 1
        catalogue.dump_data(event.type, event.data)
    county = events[0][3]
    assert (county.subject, county.jurisdiction, county.data["level"]) == ("999999", "999999", "county")


def test_the_same_files_again_change_nothing(take, county_files, engine):
    take(county_files)
    before = count(engine, "outbox")
    report = take(county_files)
    assert (report.applied, report.events, report.tree_version) == (True, 0, None)
    assert count(engine, "outbox") == before
    assert report.tallies["grids.geojson"].unchanged == report.tallies["grids.geojson"].rows


def test_a_refused_import_leaves_the_database_as_it_was(take, county_files, edit, engine):
    report = take(edit(county_files, MICRO, level="grid"))
    assert (report.applied, [fault.rule for fault in report.faults]) == (False, ["level_matches_code"])
    assert [count(engine, table) for table in ("grid_version", "centre_version", "post_version", "outbox")] == [0] * 4


def test_a_point_is_located_down_to_its_micro_grid(take, county_files, answers):
    take(county_files)
    for code, shape in drawn(county_files):
        point = shape.representative_point()
        chain = answers.locate(point.y, point.x)["chain"]
        assert [len(each["code"]) for each in chain] == [6, 9, 12, 15, 17]
        assert chain[-1]["code"] == code


def test_a_point_on_the_line_of_two_is_in_the_one_with_the_lower_code(take, county_files, answers):
    take(county_files)
    cells = dict(drawn(county_files))
    first, second = next(
        (a, b) for a in cells for b in cells if a < b and cells[a].intersection(cells[b]).length > 0.0001
    )
    lon, lat = shapely.get_coordinates(cells[first].intersection(cells[second]))[0].tolist()
    on_it = [code for code, cell in cells.items() if cell.intersects(shapely.Point(lon, lat))]
    assert len(on_it) >= 2
    assert answers.locate(lat, lon)["chain"][-1]["code"] == min(on_it)
    assert answers.locate(lat, lon, datetime.now(UTC))["chain"][-1]["code"] == min(on_it)


def drawn(files):
    features = json.loads(files["grids.geojson"])["features"]
    return [
        (each["properties"]["code"], shapely.geometry.shape(each["geometry"])) for each in features if each["geometry"]
    ]


@pytest.mark.parametrize(("lat", "lon"), [(0.0, 0.0), (29.04, 119.71), (-29.04, 119.65)])
def test_a_point_outside_is_refused_without_repeating_it(take, county_files, answers, lat, lon):
    take(county_files)
    with pytest.raises(Refusal) as refused:
        answers.locate(lat, lon)
    assert (refused.value.code, refused.value.kind) == ("outside_county", "not_found")
    assert str(lat) not in refused.value.detail


@pytest.mark.parametrize(("lat", "lon", "field"), [(91, 0, "lat"), (0, 181, "lon"), (float("nan"), 0, "lat")])
def test_a_point_that_is_none_is_refused_by_its_field(answers, lat, lon, field):
    with pytest.raises(Refusal) as refused:
        answers.locate(lat, lon)
    assert (refused.value.rule, refused.value.field) == ("position_range", field)


def test_a_moved_line_is_seen_within_a_second_and_the_past_still_answers_as_it_did(
    take, county_files, edit, answers, eventually
):
    take(county_files)
    before = datetime.now(UTC)
    cell = dict(drawn(county_files))[MICRO]
    east = max(cell.exterior.coords, key=lambda position: position[0])
    point = shapely.Point(east).buffer((cell.bounds[2] - cell.bounds[0]) / 50).intersection(cell).representative_point()
    lon, lat = point.x, point.y
    assert answers.locate(lat, lon)["chain"][-1]["code"] == MICRO
    take(edit(county_files, MICRO, geometry=split(shapely.geometry.mapping(cell))))
    eventually(lambda: is_outside(answers, lat, lon), within=1.5)
    assert answers.locate(lat, lon, before)["chain"][-1]["code"] == MICRO
    assert answers.get_grid(MICRO, before)["version"] == 1
    newest = answers.get_grid(MICRO)
    assert (newest["version"], newest["valid_to"]) == (2, None)
    history = answers.history(MICRO)["grids"]
    assert [each["version"] for each in history] == [2, 1]
    assert history[1]["valid_to"] == history[0]["valid_from"]
    assert history[1]["boundary"] != history[0]["boundary"]
    assert answers.history("999999")["grids"][0]["version"] == 2


def is_outside(answers, lat, lon):
    try:
        answers.locate(lat, lon)
    except Refusal as refused:
        return refused.code == "outside_county"
    return False


def test_before_the_first_version_nothing_was_there(take, county_files, answers):
    long_ago = datetime.now(UTC) - timedelta(days=365)
    take(county_files)
    with pytest.raises(Refusal) as refused:
        answers.get_grid("999999", long_ago)
    assert refused.value.code == "unknown_grid"
    take_back = answers.history("999999")["grids"]
    assert len(take_back) == 1


def test_facts_dated_back_answer_for_that_time(take, county_files, answers):
    since = datetime.now(UTC) - timedelta(days=30)
    take(county_files, valid_from=since)
    assert answers.get_grid("999999", since + timedelta(days=1))["version"] == 1


def test_a_retired_micro_grid_answers_to_its_code_and_is_nowhere_else(take, county_files, edit, answers):
    posts = county_files["posts.csv"].decode().splitlines()
    rest = [line + ",false" for line in posts[1:] if MICRO not in line]
    gone = [line + ",true" for line in posts[1:] if MICRO in line]
    take(county_files)
    files = edit(county_files, MICRO, retired=True)
    report = take(files | {"posts.csv": "\n".join([posts[0] + ",retired", *rest, *gone]).encode()})
    assert report.faults == []
    assert answers.get_grid(MICRO)["retired"] is True
    assert MICRO not in {each["code"] for each in answers.children(MICRO[:15])["grids"]}
    assert MICRO not in {each["code"] for each in answers.tree()["grids"]}
    assert answers.list_posts(MICRO) == {"posts": []}


def test_answers_are_what_the_contract_says(take, county_files, answers):
    take(county_files)
    point = dict(drawn(county_files))[MICRO].representative_point()
    for name, answer in {
        "get_grid": answers.get_grid(MICRO),
        "children": answers.children("999999"),
        "history": answers.history(MICRO),
        "locate": answers.locate(point.y, point.x),
        "tree": answers.tree(),
        "list_centres": answers.list_centres(),
        "list_posts": answers.list_posts(MICRO[:15]),
    }.items():
        assert contract.dump_answer(f"registry.{name}", orjson.loads(orjson.dumps(answer)))


def test_a_tree_is_cut_by_prefix_and_by_depth(take, county_files, answers):
    take(county_files)
    whole = answers.tree()["grids"]
    assert whole[0]["code"] == "999999"
    assert [each["code"] for each in answers.tree(depth=1)["grids"]] == ["999999"]
    below = answers.tree("999999001001001")["grids"]
    assert {each["code"][:15] for each in below} == {"999999001001001"}
    assert len(below) == 1 + len(answers.children("999999001001001")["grids"])
    with pytest.raises(Refusal) as refused:
        answers.tree("%")
    assert refused.value.rule == "prefix_shape"


def test_centres_are_listed_by_the_ground_they_answer_for(take, county_files, answers):
    take(county_files)
    everywhere = answers.list_centres()["centres"]
    assert everywhere[0]["kind"] == "county"
    assert {each["grid_code"][:9] for each in answers.list_centres("999999001")["centres"]} == {"999999001"}


@pytest.mark.parametrize("ask", ["get_grid", "children", "history", "list_posts"])
def test_an_unknown_grid_is_not_found_and_no_code_is_refused(answers, ask):
    for code, rule in (("999998", "known_grid"), ("9999", "code_shape")):
        with pytest.raises(Refusal) as refused:
            getattr(answers, ask)(code)
        assert refused.value.rule == rule


def test_two_imports_at_once_are_taken_one_after_the_other(take, county_files, edit, engine):
    first = take(county_files).tree_version
    reports = []
    changes = [edit(county_files, MICRO, name_zh=f"第{number}次") for number in range(4)]
    threads = [threading.Thread(target=lambda files=files: reports.append(take(files))) for files in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [report.faults for report in reports] == [[]] * 4
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT version, valid_from, valid_to FROM grid_version WHERE code = :code ORDER BY version"),
            {"code": MICRO},
        ).all()
    assert [row.version for row in rows] == [1, 2, 3, 4, 5]
    assert [row.valid_to for row in rows[:-1]] == [row.valid_from for row in rows[1:]]
    assert sorted(report.tree_version for report in reports) == [first + number for number in (1, 2, 3, 4)]
