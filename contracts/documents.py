"""The JSON Schema document and the example of every message, by file name."""

from typing import Any

from contracts.answers import ANSWER_TYPES
from contracts.catalogue import COMMAND_TYPES, EVENT_TYPES
from contracts.envelope import EnvelopeSchema
from contracts.fields import Message
from contracts.json_schema import DEFS, components, message_schema
from contracts.names import owner_of, source_of


def schema_documents() -> dict[str, dict[str, Any]]:
    """File stem to JSON Schema: ``<event type>``, ``command.<name>``, ``answer.<call>``."""
    return {
        **{type_: event_document(type_) for type_ in EVENT_TYPES},
        **{
            f"command.{name}": message_schema(schema, urn=f"command.{name}", strict=True)
            for name, schema in COMMAND_TYPES.items()
        },
        **{
            f"answer.{name}": message_schema(schema, urn=f"answer.{name}", strict=False)
            for name, schema in ANSWER_TYPES.items()
        },
    }


def event_document(type_: str) -> dict[str, Any]:
    """The whole event: the envelope with this type's own data. Open: a reader of v1 accepts what is added."""
    data = EVENT_TYPES[type_]
    document = message_schema(EnvelopeSchema, urn=type_, strict=False)
    properties = {
        **document["properties"],
        "type": {"const": type_, "type": "string"},
        "source": {"const": source_of(owner_of(type_)), "type": "string"},
        "data": {"$ref": DEFS + data.__name__},
    }
    return {
        **document,
        "title": data.__name__,
        "description": " ".join(str(data.__doc__).split()),
        "properties": properties,
        "$defs": components({data.__name__: data}, at=DEFS),
    }


def example_of(schema: dict[str, Any], defs: dict[str, Any] | None = None) -> Any:
    """A first example of a message from the examples of its fields; a person then makes it golden."""
    defs = schema.get("$defs", {}) if defs is None else defs
    if "const" in schema or "examples" in schema:
        return schema["const"] if "const" in schema else schema["examples"][0]
    if "anyOf" in schema and "properties" not in schema:
        schema = schema["anyOf"][0]
    if "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    if "properties" in schema:
        return {name: example_of(member, defs) for name, member in schema["properties"].items()}
    return [example_of(schema["items"], defs)] if schema.get("type") == "array" else schema.get("default")


def message_types() -> dict[str, type[Message]]:
    """Every top-level schema class by its own name, for documents that list components."""
    classes: list[type[Message]] = [
        *EVENT_TYPES.values(),
        *COMMAND_TYPES.values(),
        *ANSWER_TYPES.values(),
        EnvelopeSchema,
    ]
    return {schema.__name__: schema for schema in classes}
