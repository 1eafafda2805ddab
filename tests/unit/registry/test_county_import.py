import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

import services.registry
from services.registry.application.report import rules

GRID, FIRST, SECOND = "999999001001001", "99999900100100101", "99999900100100102"


def faults(report):
    return [(fault.file, fault.row, fault.field, fault.rule) for fault in report.faults]


def test_a_sound_county_goes_in_whole_with_one_event_a_thing(county, books):
    report = books.take(county)
    assert (report.applied, faults(report)) == (True, [])
    assert report.events == len(books.told) == 6 + 1 + 4
    assert books.tree_version == report.tree_version == 1


def test_parents_are_told_before_their_children(county, books):
    county.features.reverse()
    books.take(county)
    told = [key for key, _ in books.told[:6]]
    assert told == sorted(told, key=len)


def test_the_ground_above_the_micro_grids_is_the_union_of_theirs(county, books):
    books.take(county)
    facts = books.grids.kept["999999"].current.facts
    assert facts.boundary_derived
    corners = set(facts.boundary.polygons[0][0])
    assert {(119.0, 29.0), (119.02, 29.0), (119.02, 29.01), (119.0, 29.01)} <= corners


def test_the_same_files_again_make_no_version_and_no_event(county, books):
    books.take(county)
    told = len(books.told)
    report = books.take(county)
    assert (report.applied, report.events, len(books.told), books.tree_version) == (True, 0, told, 1)
    assert report.tallies["grids.geojson"].unchanged == 6


def test_a_moved_line_makes_versions_of_the_grid_and_of_everything_above_that_is_derived(county, books, at_square):
    books.take(county)
    county.draw(SECOND, at_square(119.01, 29.0, 0.02))
    report = books.take(county)
    changed = {key for key, version in books.told if version.number == 2}
    assert changed == {SECOND, GRID, "999999001001", "999999001", "999999"}
    assert (report.tallies["grids.geojson"].changed, report.tree_version) == (5, 2)
    before = books.grids.kept[SECOND].at(books.clock - timedelta(microseconds=1))
    assert before.number == 1
    assert before.facts.boundary.to_geojson() == at_square(119.01, 29.0) | {
        "coordinates": [[[round(x, 7), round(y, 7)] for x, y in at_square(119.01, 29.0)["coordinates"][0]]]
    }


def test_a_renamed_grid_changes_alone(county, books):
    books.take(county)
    county.change(GRID, name_zh="新名")
    books.take(county)
    assert [key for key, version in books.told if version.number == 2] == [GRID]


def test_a_new_holder_is_a_new_version_and_the_old_one_stays_readable(county, books):
    books.take(county)
    county.posts[0]["a_holder"] = "staff-900"
    books.take(county)
    versions = books.posts.kept["post-1"].versions
    assert [version.facts.a_holder for version in versions] == ["staff-001", "staff-900"]
    assert versions[0].valid_to == versions[1].valid_from


def test_one_fault_anywhere_and_nothing_is_written(county, books):
    county.posts[2]["a_holder"] = "李四"
    report = books.take(county)
    assert faults(report) == [("posts.csv", 4, "a_holder", "opaque_reference")]
    assert not report.applied
    assert (books.told, books.grids.kept, books.tree_version) == ([], {}, 0)


def test_every_faulty_row_is_told_in_both_languages_with_its_place(county, books):
    county.change(FIRST, level="grid")
    county.draw(SECOND, None)
    county.centres[0]["lat"] = "north"
    county.posts[0]["role"] = "king"
    report = books.take(county)
    assert faults(report) == [
        ("grids.geojson", 5, "level", "level_matches_code"),
        ("grids.geojson", 6, "geometry", "micro_grid_boundary"),
        ("centres.csv", 2, "lat", "number"),
        ("posts.csv", 2, "role", "post_role"),
    ]
    assert all(fault.message_zh and fault.message_en for fault in report.faults)
    assert "微网格必须有边界" in {fault.message_zh for fault in report.faults}
    document = report.to_dict()
    assert (document["ok"], document["applied"], document["errors_total"]) == (False, False, 4)
    assert document["errors"][2]["code"] == "C0-999999"


def test_partial_takes_the_sound_rows_and_leaves_the_faulty_out(county, books):
    county.draw(SECOND, None)
    report = books.take(county, partial=True)
    assert report.applied
    assert faults(report) == [("grids.geojson", 6, "geometry", "micro_grid_boundary")]
    assert set(books.grids.kept) == {"999999", "999999001", "999999001001", GRID, FIRST}


def test_partial_leaves_out_whatever_leaned_on_a_faulty_row(county, books):
    county.change("999999001001", kind="street")
    report = books.take(county, partial=True)
    refused = {(fault.code, fault.rule) for fault in report.faults if fault.file == "grids.geojson"}
    assert refused == {
        ("999999001001", "kind_below_community"),
        (GRID, "parent_refused"),
        (FIRST, "parent_refused"),
        (SECOND, "parent_refused"),
    }
    assert {fault.rule for fault in report.faults if fault.file == "posts.csv"} == {"known_grid"}
    assert set(books.grids.kept) == {"999999", "999999001"}
    assert books.posts.kept == {}


def test_without_partial_a_faulty_parent_is_told_once_and_not_again_for_each_child(county, books):
    county.change("999999001001", kind="street")
    assert faults(books.take(county)) == [("grids.geojson", 3, "kind", "kind_below_community")]


def test_micro_grids_that_overlap_are_refused_and_partial_keeps_the_first(county, books, at_square):
    county.draw(SECOND, at_square(119.005, 29.0))
    report = books.take(county)
    assert faults(report) == [("grids.geojson", 6, "geometry", "siblings_overlap")]
    assert "50.0%" in report.faults[0].message_zh
    books.take(county, partial=True)
    assert FIRST in books.grids.kept
    assert SECOND not in books.grids.kept


def test_a_hairs_breadth_of_overlap_is_within_the_tolerance(county, books, at_square):
    county.draw(SECOND, at_square(119.009999, 29.0))
    assert faults(books.take(county)) == []


def test_a_child_outside_its_parents_own_line_is_refused(county, books, at_square):
    county.draw("999999001", at_square(119.0, 29.0, 0.015))
    assert faults(books.take(county)) == [("grids.geojson", 6, "geometry", "inside_parent")]


def test_a_parent_drawn_too_small_later_is_refused_itself(county, books, at_square):
    books.take(county)
    county.draw("999999001", at_square(119.0, 29.0, 0.015))
    county.features = [county.feature("999999001")]
    assert faults(books.take(county)) == [("grids.geojson", 1, "geometry", "inside_parent")]


def test_a_line_that_crosses_itself_is_refused_with_the_place(county, books):
    bow = [[119.0, 29.0], [119.01, 29.01], [119.01, 29.0], [119.0, 29.01], [119.0, 29.0]]
    county.draw(FIRST, {"type": "Polygon", "coordinates": [bow]})
    report = books.take(county)
    assert faults(report) == [("grids.geojson", 5, "geometry", "boundary_valid")]
    assert "Self-intersection[119.005 29.005]" in report.faults[0].message_en


def test_an_unknown_parent_and_an_unknown_grid_are_refused(county, books):
    county.features = [each for each in county.features if each["properties"]["code"] != "999999001001"]
    county.centres[0] |= {"kind": "community_station", "grid_code": "999999001001"}
    assert faults(books.take(county)) == [
        ("grids.geojson", 3, "parent_code", "parent_known"),
        ("centres.csv", 2, "grid_code", "known_grid"),
    ]


def test_a_code_in_two_rows_is_refused_at_the_second(county, books):
    county.features.append(county.feature(FIRST))
    county.posts.append(county.posts[0])
    assert faults(books.take(county)) == [
        ("grids.geojson", 7, "code", "code_once"),
        ("posts.csv", 6, "post_id", "code_once"),
    ]


def test_a_grid_with_two_leads_is_not_staffed_one_three_n(county, books):
    county.posts.append(county.posts[0] | {"post_id": "post-9", "a_holder": "staff-900"})
    report = books.take(county)
    assert faults(report) == [("posts.csv", 2, "role", "staffing_1_3_n")]
    assert "网格长有 2 名" in report.faults[0].message_zh


def test_retiring_keeps_the_past_and_redraws_what_is_above(county, books):
    books.take(county)
    county.change(SECOND, retired=True)
    report = books.take(county)
    assert report.tallies["grids.geojson"].retired == 1
    node = books.grids.kept[SECOND]
    assert (node.current.retired, node.versions[0].retired) == (True, False)
    above, left = (books.grids.kept[code].current.facts.boundary for code in ("999999", FIRST))
    assert set(above.polygons[0][0]) == set(left.polygons[0][0])
    assert books.take(county).events == 0


def test_what_still_has_children_or_posts_is_not_retired(county, books):
    books.take(county)
    county.change(GRID, retired=True)
    assert faults(books.take(county)) == [("grids.geojson", 4, "retired", "retire_in_use")]


@pytest.mark.parametrize(
    ("name", "body", "rule"),
    [
        ("grids.geojson", b"\xff\xfe", "utf8"),
        ("grids.geojson", b"{", "json"),
        ("grids.geojson", b"[" * 100_000, "json"),
        ("grids.geojson", b'{"type": "Feature"}', "feature_collection"),
        (
            "grids.geojson",
            b'{"type": "FeatureCollection", "features": [], "crs": {"name": "EPSG:4490"}}',
            "feature_collection",
        ),
        ("centres.csv", b"", "missing_column"),
        ("posts.csv", b"post_id,grid_code,role,a_holder,b_holder,a_absent,phone\n", "unknown_column"),
        ("posts.csv", b'post_id,grid_code,role,a_holder,b_holder,a_absent\n"', "csv"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_fault_of_the_file(books, name, body, rule):
    report = books.take({name: body})
    assert [(fault.file, fault.row, fault.rule) for fault in report.faults] == [(name, 0, rule)]
    assert not report.applied


def test_a_short_row_is_told_by_its_line(county, books):
    files = county.files()
    files["posts.csv"] += b"post-9,999999001001001\n"
    assert faults(books.take(files)) == [("posts.csv", 6, "row", "cell_count")]


def test_a_byte_order_mark_and_chinese_yes_and_no_are_read(county, books):
    county.centres[0]["always_open"] = "是"
    files = {name: b"\xef\xbb\xbf" + body for name, body in county.files().items()}
    assert faults(books.take(files)) == []
    assert books.centres.kept["C0-999999"].current.facts.always_open


def test_a_feature_that_is_anything_is_refused_and_nothing_breaks(books):
    things = [
        None,
        5,
        "x",
        [],
        {},
        {"type": "Feature", "properties": {"code": 5}},
        {"type": "Feature", "properties": None},
    ]
    body = json.dumps({"type": "FeatureCollection", "features": things}).encode()
    report = books.take({"grids.geojson": body})
    assert [fault.row for fault in report.faults] == list(range(1, 8))


def test_facts_may_be_dated_back_but_not_before_what_is_known_nor_into_the_future(county, books):
    books.take(county, valid_from=books.clock - timedelta(days=30))
    assert books.grids.kept[GRID].current.valid_from == books.clock - timedelta(days=30, seconds=1)
    county.change(GRID, name_zh="新名")
    early = books.take(county, valid_from=books.clock - timedelta(days=60))
    late = books.take(county, valid_from=books.clock + timedelta(days=1))
    assert [fault.rule for fault in early.faults + late.faults] == ["change_after_current", "valid_from_past"]
    assert len(books.grids.kept[GRID].versions) == 1


def test_every_rule_that_the_code_refuses_by_has_its_message_in_both_languages():
    room = Path(services.registry.__file__).parent
    source = "".join(
        path.read_text("utf-8") for folder in ("domain", "application") for path in (room / folder).glob("*.py")
    )
    named = set(re.findall(r'broken\(\s*"(\w+)"', source)) | set(re.findall(r'rule="(\w+)"', source))
    assert len(named) > 30
    assert named - set(rules()) == set()
    assert set(rules()) - named == set()
    assert all(message["zh"] and message["en"] for message in rules().values())
