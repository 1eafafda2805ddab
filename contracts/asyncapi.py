"""The AsyncAPI 3.0.0 document: events on their owner's exchange and on the stream, commands with their answer."""

from typing import Any

from contracts.catalogue import COMMAND_TYPES, EVENT_TYPES
from contracts.dispatch.results import CommandAnswer
from contracts.documents import event_document
from contracts.json_schema import DEFS, components
from contracts.names import (
    CONTENT_TYPE_COMMAND,
    CONTENT_TYPE_EVENT,
    DISPATCH,
    DISPATCH_COMMANDS,
    OWNERS,
    STREAM,
    events_exchange,
    owner_of,
)

SCHEMAS = "#/components/schemas/"
BINDING = "0.3.0"
_ANSWER = "command.answer"


def document() -> dict[str, Any]:
    """The whole document, ready for JSON."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:wangge:asyncapi",
        "info": _info(),
        "defaultContentType": CONTENT_TYPE_EVENT,
        "channels": _channels(),
        "operations": _operations(),
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _info() -> dict[str, Any]:
    return {
        "title": "网格 · Wangge",
        "version": "1.0.0",
        "description": (
            "Events are CloudEvents 1.0 in structured JSON; no personal data. The routing key is the type, then as "
            "far as they are known the county (6 digits) and the town (3) of the jurisdiction: bind with `.#` at the "
            "end. Within a version messages only grow: ignore what you do not know. Every event also lands in the "
            "stream queue `events`, whose offset is the position on the live feed. Commands go to `dispatch.commands` "
            "with their name as routing key and are answered to `reply_to`."
        ),
    }


def _ref(*path: str) -> dict[str, str]:
    return {"$ref": "#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)}


def _exchange(name: str) -> dict[str, Any]:
    exchange = {"name": name, "type": "topic", "durable": True, "autoDelete": False, "vhost": "/"}
    return {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": BINDING}}


def _channels() -> dict[str, Any]:
    channels: dict[str, Any] = {}
    for type_ in EVENT_TYPES:
        channels[type_] = {
            "address": type_,
            "description": f"Routing key on {events_exchange(owner_of(type_))}: this, then county and town.",
            "messages": {type_: _ref("components", "messages", type_)},
            "bindings": _exchange(events_exchange(owner_of(type_))),
        }
    stream = {"name": STREAM, "durable": True, "exclusive": False, "autoDelete": False, "vhost": "/"}
    channels[STREAM] = {
        "address": STREAM,
        "description": "Stream queue (x-queue-type=stream), bound '#' to every owner's exchange; read from any offset.",
        "messages": {type_: _ref("components", "messages", type_) for type_ in EVENT_TYPES},
        "bindings": {"amqp": {"is": "queue", "queue": stream, "bindingVersion": BINDING}},
    }
    channels["consumer"] = _consumer()
    channels[DISPATCH_COMMANDS] = {
        "address": "{command}",
        "description": f"Routing key on the exchange {DISPATCH_COMMANDS}: the command's name.",
        "parameters": {"command": {"description": "Name of the command", "enum": list(COMMAND_TYPES)}},
        "messages": {f"command.{name}": _ref("components", "messages", f"command.{name}") for name in COMMAND_TYPES},
        "bindings": _exchange(DISPATCH_COMMANDS),
    }
    channels["answers"] = {
        "address": None,
        "description": "The caller's own queue, named in reply_to.",
        "messages": {_ANSWER: _ref("components", "messages", _ANSWER)},
    }
    return channels


def _consumer() -> dict[str, Any]:
    return {
        "address": "consumer.{name}",
        "description": (
            "A consumer's own quorum queue, bound to its types when it was made (`wangge consumers add`); its user may "
            "read this queue and nothing else. Full, it drops the oldest: the stream has them all."
        ),
        "parameters": {"name": {"description": "Name of the consumer"}},
        "messages": {type_: _ref("components", "messages", type_) for type_ in EVENT_TYPES},
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {"durable": True, "exclusive": False, "autoDelete": False, "vhost": "/"},
                "bindingVersion": BINDING,
            }
        },
    }


def _operations() -> dict[str, Any]:
    publish = {"amqp": {"deliveryMode": 2, "mandatory": True, "timestamp": True, "bindingVersion": BINDING}}
    operations: dict[str, Any] = {}
    for owner in OWNERS:
        for type_ in (name for name in EVENT_TYPES if owner_of(name) == owner):
            operations[f"{owner}.tells.{type_}"] = {
                "action": "send",
                "channel": _ref("channels", type_),
                "messages": [_ref("channels", type_, "messages", type_)],
                "bindings": publish,
            }
    operations["consumer.reads"] = {"action": "receive", "channel": _ref("channels", "consumer")}
    operations["feed.reads"] = {"action": "receive", "channel": _ref("channels", STREAM)}
    operations[f"{DISPATCH}.takes.commands"] = {
        "action": "receive",
        "channel": _ref("channels", DISPATCH_COMMANDS),
        "messages": [_ref("channels", DISPATCH_COMMANDS, "messages", f"command.{name}") for name in COMMAND_TYPES],
        "reply": {
            "address": {"location": "$message.header#/reply_to", "description": "The AMQP property reply_to"},
            "channel": _ref("channels", "answers"),
            "messages": [_ref("channels", "answers", "messages", _ANSWER)],
        },
        "bindings": {"amqp": {"ack": True, "bindingVersion": BINDING}},
    }
    return operations


def _messages() -> dict[str, Any]:
    messages = {
        type_: _message(type_, schema.__doc__, _envelope_name(type_), CONTENT_TYPE_EVENT)
        for type_, schema in EVENT_TYPES.items()
    }
    for name, schema in COMMAND_TYPES.items():
        messages[f"command.{name}"] = {
            **_message(name, schema.__doc__, schema.__name__, CONTENT_TYPE_COMMAND),
            "correlationId": {"location": "$message.header#/correlation_id"},
        }
    messages[_ANSWER] = {
        **_message(_ANSWER, CommandAnswer.__doc__, CommandAnswer.__name__, CONTENT_TYPE_COMMAND),
        "correlationId": {"location": "$message.header#/correlation_id"},
    }
    return messages


def _message(name: str, about: str | None, schema: str, content_type: str) -> dict[str, Any]:
    return {
        "name": name,
        "summary": " ".join((about or name).split()),
        "contentType": content_type,
        "payload": {"$ref": SCHEMAS + schema},
    }


def _envelope_name(type_: str) -> str:
    return f"{EVENT_TYPES[type_].__name__}Event"


def _schemas() -> dict[str, Any]:
    commands = {schema.__name__: schema for schema in COMMAND_TYPES.values()}
    answers = components({"CommandAnswer": CommandAnswer}, at=SCHEMAS)
    events = components({schema.__name__: schema for schema in EVENT_TYPES.values()}, at=SCHEMAS)
    wholes = {_envelope_name(type_): _whole(type_) for type_ in EVENT_TYPES}
    return dict(sorted({**answers, **events, **components(commands, at=SCHEMAS, strict=True), **wholes}.items()))


def _whole(type_: str) -> dict[str, Any]:
    document = event_document(type_)
    data = document["properties"]["data"]["$ref"].removeprefix(DEFS)
    properties = {**document["properties"], "data": {"$ref": SCHEMAS + data}}
    return {
        key: value
        for key, value in {**document, "properties": properties}.items()
        if key not in ("$schema", "$id", "$defs")
    }
