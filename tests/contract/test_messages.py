"""Every event and command is an artefact: a schema, a stored JSON Schema, a golden example that fits both."""

import re

import orjson
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from contracts import envelope
from contracts.answers import ANSWER_TYPES, dump_answer, load_answer
from contracts.catalogue import COMMANDS, EVENTS, dump_command, dump_data, load_command, load_data
from contracts.documents import example_of, message_types
from contracts.fields import format_moment
from contracts.generate import HOME, generated, promised, stored, text
from contracts.json_schema import components
from contracts.names import TYPE_RULE, events_exchange, owner_of, source_of
from contracts.refusal import InvalidMessage

COMMAND_NAMES = sorted(COMMANDS)
EVENT_TYPES = sorted(EVENTS)
PERSONAL = {"phone", "name", "caller", "address", "summary", "note", "why", "id_number"}


def validator(stem):
    return Draft202012Validator(stored(f"schemas/{stem}.json"), format_checker=FormatChecker())


def example(stem):
    return (HOME / "examples" / f"{stem}.json").read_bytes()


@pytest.mark.parametrize("type_", EVENT_TYPES)
def test_golden_event_fits_its_stored_schema(type_):
    document = stored(f"schemas/{type_}.json")
    Draft202012Validator.check_schema(document)
    validator(type_).validate(orjson.loads(example(type_)))
    assert document["properties"]["type"]["const"] == type_


@pytest.mark.parametrize("type_", EVENT_TYPES)
def test_golden_event_round_trips_through_the_codec_and_its_schema(type_):
    event = envelope.load(example(type_))
    assert orjson.loads(envelope.dump(event)) == orjson.loads(example(type_))
    assert dump_data(type_, load_data(type_, event.data)) == event.data
    envelope.EnvelopeSchema().load(orjson.loads(example(type_)))


@pytest.mark.parametrize("type_", EVENT_TYPES)
def test_golden_event_names_its_owner_and_its_aggregate(type_):
    event = envelope.load(example(type_))
    rule = TYPE_RULE.fullmatch(event.type)
    assert rule is not None
    assert event.type == type_
    assert event.source == source_of(rule["owner"])
    code = {"grid": "code", "centre": "code", "post": "post_id"}.get(rule["aggregate"], f"{rule['aggregate']}_id")
    assert event.data[code] == event.subject


@pytest.mark.parametrize("type_", EVENT_TYPES)
def test_no_event_has_a_field_for_personal_data_or_free_text(type_):
    fields = stored(f"schemas/{type_}.json")["$defs"]
    named = {key for definition in fields.values() for key in definition["properties"]}
    assert not named & PERSONAL
    assert owner_of(type_) != "dispatch" or "lat" not in named or ".team." in type_


@pytest.mark.parametrize("name", COMMAND_NAMES)
def test_golden_command_fits_its_stored_schema(name):
    document = stored(f"schemas/command.{name}.json")
    Draft202012Validator.check_schema(document)
    validator(f"command.{name}").validate(orjson.loads(example(f"command.{name}")))


@pytest.mark.parametrize("name", COMMAND_NAMES)
def test_golden_command_round_trips_through_its_schema(name):
    raw = orjson.loads(example(f"command.{name}"))
    loaded = load_command(raw)
    again = dump_command(loaded)
    assert load_command(again) == loaded
    assert {key for key in raw if key not in again} == set()
    assert raw["command"] == name


@pytest.mark.parametrize("call", sorted(ANSWER_TYPES))
def test_example_of_an_answer_fits_its_stored_schema_and_loads(call):
    document = stored(f"schemas/answer.{call}.json")
    Draft202012Validator.check_schema(document)
    answer = example_of(document)
    if call == "dispatch.execute":
        answer["answers"][0].pop("problem")
    validator(f"answer.{call}").validate(answer)
    assert dump_answer(call, answer) == answer
    assert set(load_answer(call, answer)) == set(answer)


def test_every_stored_file_belongs_to_a_message():
    examples = {path.stem for path in (HOME / "examples").glob("*.json")}
    assert examples == {*EVENT_TYPES, *(f"command.{name}" for name in COMMAND_NAMES)}
    schemas = {f"schemas/{path.name}" for path in (HOME / "schemas").glob("*.json")}
    assert schemas == {name for name in generated() if name.startswith("schemas/")}


def test_generated_files_are_not_stale():
    stale = [name for name, content in generated().items() if (HOME / name).read_bytes() != text(content)]
    assert stale == [], "run python -m contracts.generate"
    assert (HOME / "baseline.json").read_bytes() == text(promised())


def test_examples_use_only_the_reserved_division_code():
    for path in (HOME / "examples").glob("*.json"):
        for code in re.findall(r'"(?:grid_code|code|parent_code|jurisdiction)": "([^"]+)"', path.read_text("utf-8")):
            assert code.removeprefix("C-").startswith("999999"), path.name


def test_every_event_type_follows_the_naming_rule_and_has_an_exchange():
    for type_ in EVENT_TYPES:
        assert events_exchange(owner_of(type_)) == f"{type_.split('.')[1]}.events"


def test_schema_names_are_unique_across_owners():
    found = components(message_types(), at="#/components/schemas/")
    classes = {}
    pending = list(message_types().values())
    while pending:
        schema = pending.pop()
        assert classes.setdefault(schema.__name__, schema) is schema
        for field in schema().fields.values():
            part = getattr(getattr(field, "inner", field), "part", None)
            if part is not None and part not in classes.values():
                pending.append(part)
    assert set(found) == set(classes)


def test_a_producer_may_not_say_what_its_schema_does_not_know():
    data = envelope.load(example("wangge.dispatch.incident.pushed.v1")).data
    with pytest.raises(InvalidMessage) as caught:
        dump_data("wangge.dispatch.incident.pushed.v1", {**data, "caller_name": "x"})
    assert (caught.value.code, caught.value.field) == ("unknown_field", "caller_name")


def test_python_values_leave_as_text():
    type_ = "wangge.dispatch.incident.breached.v1"
    loaded = load_data(type_, envelope.load(example(type_)).data)
    dumped = dump_data(type_, loaded)
    assert dumped["incident_id"] == str(loaded["incident_id"])
    assert dumped["due_at"] == format_moment(loaded["due_at"])
