"""Deliveries as the use cases take them: registry's events, and commands that came over AMQP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from chassis.actor import NONE
from chassis.errors import MalformedRequest, Unauthenticated
from chassis.nameko.delivery import Delivery, Undecodable
from contracts import envelope
from contracts.catalogue import load_data
from contracts.refusal import InvalidMessage
from services.dispatch.application.ports import Actor, Denial, Request
from services.dispatch.settings import ANY_SENDER


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


def sender_of(delivery: Delivery, senders: Mapping[str, Actor]) -> Actor:
    """Who sent a command: the broker's user, which RabbitMQ has verified when the property is set.

    Raises Unauthenticated for one whom the settings do not name.
    """
    user = delivery.properties.user_id or ""
    actor = senders.get(user) or senders.get(ANY_SENDER)
    if actor is None:
        raise Unauthenticated("the message's user_id is missing, or no user that may send commands", field="user_id")
    return actor


def refusal_of(nobody: Unauthenticated) -> dict[str, Any]:
    """The answer to a command whose sender is nobody that we know."""
    return {"ok": False, "replayed": False, "problem": nobody.to_problem()}


def denied_sender(delivery: Delivery, nobody: Unauthenticated) -> Denial:
    """The record of a command whose sender is nobody that we know; `user_id` is the broker's word."""
    user = f"amqp:{delivery.properties.user_id}" if delivery.properties.user_id else "nobody"
    return Denial("dispatch", f"AMQP {delivery.routing_key[:100]}", nobody.code, user, user, NONE, rule="sender")


def request_of(told: Any, recognise: Callable[[object], Actor]) -> Request:
    """One caller's part of a call that carries several. Raises MalformedRequest, Unauthenticated."""
    try:
        actor, commands, trace = told["actor"], told["commands"], told["traceparent"]
    except (KeyError, TypeError):
        actor = commands = trace = None
    if not isinstance(commands, list):
        raise MalformedRequest("a request has an actor (an assertion), a traceparent and commands", field="requests")
    return Request(commands, recognise(actor), trace if isinstance(trace, str) else None)
