"""Commands are refused with the field and the rule, and what passes here passes the JSON Schema too."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from contracts.catalogue import COMMANDS, load_command
from contracts.generate import HOME, stored
from contracts.refusal import InvalidMessage

UUID = "0190a0c2-7e1a-7000-8000-0000000000aa"


def golden(name):
    return orjson.loads((HOME / "examples" / f"command.{name}.json").read_bytes())


def with_data(name, **changes):
    command = golden(name)
    return {**command, "data": {**command["data"], **changes}}


def without(name, *fields):
    return {key: value for key, value in golden(name).items() if key not in fields}


REFUSED = [
    ("no object", ["incident.create"], "invalid_input", None, "type"),
    ("no command", {"key": "k"}, "missing_field", "command", "required"),
    ("unknown command", {"command": "incident.explode", "key": "k"}, "unknown_command", "command", "one_of"),
    ("command of another type", {"command": 7, "key": "k"}, "unknown_command", "command", "one_of"),
    ("no key", without("incident.push", "key"), "missing_field", "key", "required"),
    ("empty key", {**golden("incident.push"), "key": ""}, "invalid_input", "key", "length"),
    ("long key", {**golden("incident.push"), "key": "k" * 201}, "invalid_input", "key", "length"),
    ("unknown field", {**golden("incident.push"), "prio": 1}, "unknown_field", "prio", "unknown_field"),
    ("unknown field below", with_data("incident.push", centre="x"), "unknown_field", "data.centre", "unknown_field"),
    (
        "unknown field deep",
        with_data("incident.create", location={"lat": 1, "lon": 2, "alt": 3}),
        "unknown_field",
        "data.location.alt",
        "unknown_field",
    ),
    (
        "no offset",
        {**golden("incident.push"), "occurred_at": "2026-01-02T03:04:05"},
        "invalid_input",
        "occurred_at",
        "date_time",
    ),
    (
        "date only",
        {**golden("incident.push"), "occurred_at": "2026-01-02"},
        "invalid_input",
        "occurred_at",
        "date_time",
    ),
    (
        "30 February",
        {**golden("incident.push"), "occurred_at": "2026-02-30T00:00:00Z"},
        "invalid_input",
        "occurred_at",
        "date_time",
    ),
    (
        "year 1",
        {**golden("incident.push"), "occurred_at": "0001-01-01T00:00:00+14:00"},
        "invalid_input",
        "occurred_at",
        "range",
    ),
    (
        "latitude out of range",
        with_data("incident.create", location={"lat": 91, "lon": 2}),
        "invalid_input",
        "data.location.lat",
        "range",
    ),
    (
        "latitude in text",
        with_data("incident.create", location={"lat": "1", "lon": 2}),
        "invalid_input",
        "data.location.lat",
        "type",
    ),
    (
        "latitude alone",
        with_data("incident.create", location={"lat": 1}),
        "missing_field",
        "data.location.lon",
        "required",
    ),
    ("nowhere", with_data("incident.create", location={}), "missing_field", "data.location", "required"),
    ("priority true", with_data("incident.create", priority=True), "invalid_input", "data.priority", "one_of"),
    ("unknown category", with_data("incident.create", category="dragon"), "invalid_input", "data.category", "one_of"),
    ("exercise in text", with_data("incident.create", exercise="yes"), "invalid_input", "data.exercise", "type"),
    ("NUL in text", with_data("incident.create", summary="a\0b"), "invalid_input", "data.summary", "control_character"),
    (
        "half a surrogate pair",
        with_data("incident.create", summary="\ud800"),
        "invalid_input",
        "data.summary",
        "control_character",
    ),
    ("long summary", with_data("incident.create", summary="长" * 2001), "invalid_input", "data.summary", "length"),
    (
        "bad grid code",
        with_data("incident.create", location={"grid_code": "99a"}),
        "invalid_input",
        "data.location.grid_code",
        "pattern",
    ),
    ("team and auto", with_data("incident.assign", auto=True), "invalid_input", "data.team", "one_of"),
    ("neither team nor auto", {**golden("incident.assign"), "data": {}}, "invalid_input", "data.team", "one_of"),
    ("no data where it is needed", without("incident.merge", "data"), "missing_field", "data", "required"),
    ("no incident", without("incident.push", "incident"), "missing_field", "incident", "required"),
    (
        "incident without a system",
        {**golden("incident.push"), "incident": "17"},
        "invalid_input",
        "incident",
        "pattern",
    ),
    ("nobody addressed", {"command": "assignment.accept", "key": "k"}, "missing_field", "assignment", "required"),
    (
        "team missing",
        {"command": "assignment.accept", "key": "k", "incident": UUID},
        "missing_field",
        "team",
        "required",
    ),
    (
        "addressed twice",
        {"command": "assignment.accept", "key": "k", "assignment": UUID, "team": "E39"},
        "invalid_input",
        "assignment",
        "one_of",
    ),
    (
        "no UUID",
        {"command": "assignment.accept", "key": "k", "assignment": UUID[:-1]},
        "invalid_input",
        "assignment",
        "uuid",
    ),
    (
        "UUID as number",
        {"command": "assignment.accept", "key": "k", "assignment": 7},
        "invalid_input",
        "assignment",
        "uuid",
    ),
    (
        "shift ends first",
        with_data("team.shifts", shifts=[{"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}]),
        "invalid_input",
        "data.shifts.0.ends_at",
        "order",
    ),
    ("version 0", {**golden("incident.push"), "if_version": 0}, "invalid_input", "if_version", "range"),
    ("version in text", {**golden("team.change"), "if_version": "2"}, "invalid_input", "if_version", "type"),
    (
        "version of what is not there yet",
        {**golden("incident.create"), "if_version": 1},
        "unknown_field",
        "if_version",
        "unknown_field",
    ),
    ("capacity 0", with_data("team.create", capacity=0), "invalid_input", "data.capacity", "range"),
    ("skills no list", with_data("team.create", skills="medical"), "invalid_input", "data.skills", "type"),
    ("nothing to change", {**golden("team.change"), "data": {}}, "missing_field", "data", "required"),
]


@pytest.mark.parametrize(
    ("raw", "code", "field", "rule"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_bad_command_is_refused_naming_the_field_and_the_rule(raw, code, field, rule):
    with pytest.raises(InvalidMessage) as caught:
        load_command(raw)
    refusal = caught.value
    assert (refusal.code, refusal.field, refusal.rule, refusal.kind) == (code, field, rule, "invalid")
    assert refusal.detail


def test_an_unknown_field_is_named_before_the_one_it_was_meant_to_be():
    with pytest.raises(InvalidMessage) as caught:
        load_command({**without("incident.push", "key"), "kee": "k"})
    assert caught.value.field == "kee"
    assert [error["field"] for error in caught.value.extra["errors"]] == ["kee", "key"]


def test_defaults_are_filled_in():
    loaded = load_command(
        {"command": "incident.create", "key": "k", "data": {"source": "police", "category": "medical"}}
    )
    assert loaded["data"] == {
        "source": "police", "category": "medical", "alarm_level": 1, "exercise": False, "on_likely_duplicate": "report",
        "push": False,
    }  # fmt: skip
    assert load_command({"command": "incident.acknowledge", "key": "k", "incident": UUID})["data"] == {}


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"incident.create", "team.create"}))
def test_a_command_may_say_for_which_version_it_is_and_one_that_does_not_loads_as_ever(name):
    bare = without(name, "if_version")
    assert "if_version" not in load_command(bare)
    assert load_command({**bare, "if_version": 3}) == {**load_command(bare), "if_version": 3}


def test_an_assignment_is_addressed_by_team_and_incident_of_another_system():
    loaded = load_command(
        {
            "command": "assignment.arrive",
            "key": "k",
            "incident": "calls-0123456789ab-1764000000:163664050",
            "team": "E39-ab12cd",
        }
    )
    assert loaded["team"] == "E39-ab12cd"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(name=st.sampled_from(sorted(COMMANDS)), change=st.data())
def test_whatever_loads_also_fits_the_published_schema(name, change):
    raw = golden(name)
    target = change.draw(st.sampled_from([raw, raw["data"]]))
    if target:
        field = change.draw(st.sampled_from(sorted(target)))
        if change.draw(st.booleans()):
            target[field] = change.draw(JSON)
        else:
            del target[field]
    try:
        load_command(raw)
    except InvalidMessage:
        return
    document = stored(f"schemas/command.{raw['command']}.json")
    errors = list(Draft202012Validator(document, format_checker=FormatChecker()).iter_errors(raw))
    assert errors == []


@given(JSON)
def test_no_json_whatever_makes_loading_a_command_fail_otherwise(raw):
    for body in (raw, {"command": "incident.create", "key": "k", "data": raw}):
        with pytest.raises(InvalidMessage):
            load_command(body)
