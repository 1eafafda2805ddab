"""The AsyncAPI document holds together: every reference leads somewhere and every message is in it."""

from jsonschema import Draft202012Validator

from contracts.catalogue import COMMANDS, EVENTS
from contracts.generate import stored
from contracts.json_schema import DIALECT

DOCUMENT = stored("asyncapi.json")
TOP = {"asyncapi", "id", "info", "defaultContentType", "channels", "operations", "components"}


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def follow(pointer):
    node = DOCUMENT
    for part in pointer.removeprefix("#/").split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def test_it_is_asyncapi_3_with_only_known_members():
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT) == TOP
    assert {"title", "version"} <= set(DOCUMENT["info"])


def test_every_reference_resolves():
    found = list(references(DOCUMENT))
    assert len(found) > 200
    for pointer in found:
        assert pointer.startswith("#/")
        assert isinstance(follow(pointer), dict), pointer


def test_every_channel_message_is_a_component_and_every_operation_has_a_channel():
    for name, channel in DOCUMENT["channels"].items():
        assert set(channel) <= {"address", "description", "messages", "bindings", "parameters"}, name
        assert channel["messages"], name
        for message in channel["messages"].values():
            assert message["$ref"].startswith("#/components/messages/")
    for name, operation in DOCUMENT["operations"].items():
        assert operation["action"] in ("send", "receive"), name
        channel = operation["channel"]["$ref"]
        for message in operation.get("messages", []):
            assert message["$ref"].startswith(f"{channel}/messages/"), name


def test_every_event_is_told_on_its_owners_exchange_and_on_the_stream():
    for type_ in EVENTS:
        exchange = DOCUMENT["channels"][type_]["bindings"]["amqp"]["exchange"]
        owner = type_.split(".")[1]
        assert (exchange["name"], exchange["type"], exchange["durable"]) == (f"{owner}.events", "topic", True)
        assert DOCUMENT["operations"][f"{owner}.tells.{type_}"]["action"] == "send"
        assert type_ in DOCUMENT["channels"]["events"]["messages"]


def test_every_command_is_taken_and_answered_to_reply_to():
    taken = DOCUMENT["operations"]["dispatch.takes.commands"]
    names = {message["$ref"].rpartition("/")[2] for message in taken["messages"]}
    assert names == {f"command.{name}" for name in COMMANDS}
    assert taken["reply"]["address"]["location"] == "$message.header#/reply_to"
    channel = follow(taken["channel"]["$ref"])
    assert channel["bindings"]["amqp"]["exchange"]["name"] == "dispatch.commands"
    assert channel["parameters"]["command"]["enum"] == list(COMMANDS)


def test_every_payload_is_a_valid_schema_that_takes_the_golden_example():
    for name, message in DOCUMENT["components"]["messages"].items():
        if name == "command.answer":
            continue
        bundle = {"$schema": DIALECT, "$ref": message["payload"]["$ref"], "components": DOCUMENT["components"]}
        Draft202012Validator(bundle).validate(stored(f"examples/{name}.json"))


def test_every_component_schema_is_valid_json_schema_with_described_fields():
    for name, schema in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        for field, member in schema["properties"].items():
            assert "description" in member or "const" in member or "$ref" in member, f"{name}.{field}"
