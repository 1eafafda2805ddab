"""Every event and command by its wire name, and the four ways to pass one over a border.

Schema instances are made once: making one costs a hundred times a load.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields

from contracts.dispatch import commands as dispatch_commands
from contracts.dispatch import events as dispatch_events
from contracts.fields import Message, format_moment
from contracts.refusal import InvalidMessage, refusal
from contracts.registry import events as registry_events


def tolerant(schema: type[Message]) -> Schema:
    """An instance that drops unknown fields at every depth: marshmallow does not hand `unknown` down by itself."""
    instance = schema(unknown=EXCLUDE)
    _drop_unknown(instance)
    return instance


def _drop_unknown(schema: Schema) -> None:
    schema.unknown = EXCLUDE
    for field in schema.fields.values():
        inner = field.inner if isinstance(field, fields.List) else field
        if isinstance(inner, fields.Nested):
            _drop_unknown(inner.schema)


EVENT_TYPES: dict[str, type[Message]] = {**dispatch_events.SCHEMAS, **registry_events.SCHEMAS}
COMMAND_TYPES: dict[str, type[Message]] = dict(dispatch_commands.SCHEMAS)

EVENTS: dict[str, Schema] = {name: schema(unknown=RAISE) for name, schema in EVENT_TYPES.items()}
COMMANDS: dict[str, Schema] = {name: schema(unknown=RAISE) for name, schema in COMMAND_TYPES.items()}
_TOLERANT: dict[str, Schema] = {name: tolerant(schema) for name, schema in EVENT_TYPES.items()}


def dump_data(type_: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` of an event as JSON values, checked strictly against its own schema. The producer's side.

    UUIDs, aware datetimes and enums become text. Raises KeyError for a type without a schema and InvalidMessage for
    data that breaks it or has a field the schema does not know: what is not in the contract does not leave the house.
    """
    ready: dict[str, Any] = plain(data)
    check(EVENTS[type_], ready)
    return ready


def load_data(type_: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` of an event as Python values, unknown fields dropped at every depth. The consumer's side.

    Raises KeyError for a type without a schema, InvalidMessage for data that breaks it.
    """
    return check(_TOLERANT[type_], data)


def load_command(raw: Any) -> dict[str, Any]:
    """A command as Python values with its defaults filled in, ``data`` always present. Strict at every depth.

    Raises InvalidMessage naming the field and the rule.
    """
    if not isinstance(raw, dict):
        raise InvalidMessage("invalid_input", None, "type", "a command must be an object")
    name = raw.get("command")
    schema = COMMANDS.get(name) if isinstance(name, str) else None
    if schema is None:
        code, rule = ("missing_field", "required") if name is None else ("unknown_command", "one_of")
        raise InvalidMessage(
            code, "command", rule, "command: there is no such command" if name else "command: the field must be present"
        )
    return check(schema, raw)


def dump_command(command: Mapping[str, Any]) -> dict[str, Any]:
    """A loaded command as JSON values again."""
    dumped: dict[str, Any] = COMMANDS[command["command"]].dump(command)
    return dumped


def check(schema: Schema, raw: Mapping[str, Any]) -> dict[str, Any]:
    """`raw` loaded by `schema`. Raises InvalidMessage naming the field and the rule."""
    try:
        loaded: dict[str, Any] = schema.load(raw)
    except ValidationError as error:
        raise refusal(error.messages) from error
    return loaded


def plain(value: Any) -> Any:
    """`value` with UUIDs, aware datetimes and enums as text, at every depth: what any JSON writer takes."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return value
