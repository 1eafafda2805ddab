"""Deliveries as the use cases take them: registry's events, and commands that came over AMQP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from chassis.errors import MalformedRequest
from chassis.nameko.delivery import Delivery, Undecodable
from contracts import envelope
from contracts.catalogue import load_data
from contracts.refusal import InvalidMessage
from services.dispatch.application.ports import Actor, Request

_NOBODY = "amqp"


def event_of(delivery: Delivery) -> tuple[str, dict[str, Any]]:
    """Type and data of an event. Raises Undecodable for what a retry cannot help."""
    try:
        event = envelope.load(delivery.body)
        return event.type, load_data(event.type, event.data)
    except (envelope.Undecodable, InvalidMessage) as error:
        raise Undecodable(str(error)) from error


def command_of(delivery: Delivery) -> Any:
    """The command in a message, plain or as the data of a CloudEvent; whether it is a good one is for its answer."""
    try:
        body = orjson.loads(delivery.body)
    except orjson.JSONDecodeError as error:
        raise Undecodable(f"not UTF-8 JSON: {error.msg}") from error
    if not isinstance(body, dict):
        raise Undecodable("not a JSON object")
    return body.get("data") if "specversion" in body else body


def sender_of(delivery: Delivery) -> Actor:
    """Who sent a command: the broker's user, which RabbitMQ has verified when the property is set."""
    user = delivery.properties.user_id or _NOBODY
    return Actor(subject=user, client=f"amqp:{user}")


def request_of(told: Any) -> Request:
    """One caller's part of a call that carries several. Raises MalformedRequest."""
    try:
        actor, commands, trace = orjson.loads(told["actor"]), told["commands"], told["traceparent"]
    except (KeyError, TypeError, ValueError):
        actor = commands = trace = None
    if not isinstance(commands, list) or not isinstance(actor, dict):
        raise MalformedRequest("a request has an actor (JSON text), a traceparent and commands", field="requests")
    return Request(commands, caller(actor), trace if isinstance(trace, str) else None)


def caller(told: Mapping[str, Any]) -> Actor:
    """Who calls, as the gateway verified it."""
    return Actor(
        subject=str(told.get("subject") or "unknown"),
        client=str(told.get("client") or "unknown"),
        roles=tuple(told.get("roles") or ()),
        jurisdiction=str(told.get("jurisdiction") or ""),
    )
