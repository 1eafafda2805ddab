"""Within a version a message only grows: what was promised stays, and older readers cope with what was added."""

import copy

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contracts.catalogue import EVENTS, load_data
from contracts.documents import schema_documents
from contracts.evolution import breaks, remember, shape
from contracts.generate import HOME, broken, stored

EVENT_TYPES = sorted(EVENTS)
BREACHED = "wangge.dispatch.incident.breached.v1"
CREATE = "command.incident.create"


def golden(stem):
    return orjson.loads((HOME / "examples" / f"{stem}.json").read_bytes())


def changed(stem, change):
    document = copy.deepcopy(schema_documents()[stem])
    change(document)
    return breaks(stored("baseline.json")[stem], shape(document), asked=stem.startswith("command."))


def test_no_schema_breaks_what_its_version_promised():
    assert broken() == []


def test_every_message_is_in_the_baseline_with_its_fields():
    baseline = stored("baseline.json")
    assert set(baseline) == set(schema_documents())
    assert baseline[BREACHED]["data.due_at"]["required"] is True
    assert baseline[CREATE]["data.location.lat"]["types"] == ["number"]


def data_of(document):
    return document["$defs"]["ClockBreached"]


def create_of(document):
    return document["$defs"]["CreateIncident"]


def rename(document):
    data_of(document)["properties"]["deadline"] = data_of(document)["properties"].pop("due_at")


def retype(document):
    data_of(document)["properties"]["target_seconds"]["type"] = "string"


def forget(document):
    data_of(document)["required"].remove("due_at")


def ask_more(document):
    create_of(document)["required"].append("summary")


def ask_new(document):
    create_of(document)["properties"]["colour"] = {"type": "string"}
    create_of(document)["required"].append("colour")


def narrow(document):
    create_of(document)["properties"]["summary"]["maxLength"] = 100


def drop_code(document):
    create_of(document)["properties"]["source"]["enum"].remove("police")


BREAKING = [
    (BREACHED, rename, "data.due_at: removed or renamed"),
    (BREACHED, retype, "data.target_seconds: retyped from ['number'] to ['string']"),
    (BREACHED, forget, "data.due_at: no longer always there"),
    (CREATE, ask_more, "data.summary: newly required"),
    (CREATE, ask_new, "data.colour: newly required"),
    (CREATE, narrow, "data.summary: maxLength lowered"),
    (CREATE, drop_code, "data.source: codes removed from its list"),
]


@pytest.mark.parametrize(("stem", "change", "said"), BREAKING, ids=[change.__name__ for _, change, _ in BREAKING])
def test_a_breaking_change_is_found(stem, change, said):
    assert said in changed(stem, change)


def test_adding_an_optional_field_or_a_code_breaks_nobody():
    def add(document):
        create_of(document)["properties"]["colour"] = {"type": "string"}
        create_of(document)["properties"]["source"]["enum"].append("drone")
        create_of(document)["properties"]["photo"] = {
            "type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"],
        }  # fmt: skip

    assert changed(CREATE, add) == []


def test_the_baseline_remembers_what_is_new_and_keeps_what_is_old():
    old = {"a": {"types": ["string"], "required": True}}
    grown = remember(old, {"a": {"types": ["number"], "required": False}, "b": {"types": ["null"], "required": False}})
    assert grown["a"] == old["a"]
    assert set(grown) == {"a", "b"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
NEW_FIELDS = st.dictionaries(
    st.text(min_size=1, max_size=12).map(lambda name: f"new_{name}"), VALUES, min_size=1, max_size=4
)


@given(type_=st.sampled_from(EVENT_TYPES), added=NEW_FIELDS, below=NEW_FIELDS)
def test_a_consumer_of_this_schema_reads_a_newer_message(type_, added, below):
    event = golden(type_)
    newer = copy.deepcopy(event)
    newer.update(added)
    newer["data"].update(added)
    for value in list(newer["data"].values()):
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict) and "coordinates" not in inner and value not in added.values():
            inner.update(below)
    assert load_data(type_, newer["data"]) == load_data(type_, event["data"])
    Draft202012Validator(stored(f"schemas/{type_}.json")).validate(newer)
