"""Other programs that take events from the broker: each has a user of its own, and one queue that it may only read.

The queue is bound for it, so it needs no right to bind, declare or publish anything. A queue that nobody reads forgets
its oldest messages instead of refusing new ones: whoever consumes slowly holds up nobody, and finds what it lost on the
event stream (docs/decisions/0064).
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from typing import Any

from cli.stack.broker import VHOST, BrokerNode, password_hash, write_private
from cli.stack.packages import StackError
from contracts.names import OWNERS, events_exchange, in_jurisdiction

NAME = re.compile(r"[a-z][a-z0-9-]{1,31}")
PATTERN = re.compile(r"[a-z0-9_*#]+(\.[a-z0-9_*#]+)*")
MOST_MESSAGES = 200_000
NOTHING = "^$"


def queue_of(name: str) -> str:
    return f"consumer.{name}"


def user_of(name: str) -> str:
    return f"consumer-{name}"


def add(broker: BrokerNode, name: str, patterns: Sequence[str], places: Sequence[str] = ()) -> str:
    """The AMQP address of a consumer that gets the events of `patterns` from now on; shown once.

    `patterns` are topic patterns of event types; `places` are counties and towns outside of which it gets none. Adding
    one again changes both and its password. Raises StackError.
    """
    if not NAME.fullmatch(name):
        raise StackError(f"a consumer's name matches {NAME.pattern}, unlike {name!r}")
    for pattern in patterns:
        if not PATTERN.fullmatch(pattern):
            raise StackError(f"an event pattern is words with dots between, * and # for any, unlike {pattern!r}")
    keys = _keys(patterns, places)
    _bind(broker, name, keys)
    password = secrets.token_urlsafe(24)
    file = broker.directory / f"{user_of(name)}.json"
    write_private(file, json.dumps(_definitions(name, password, keys)))
    try:
        broker.control("import_definitions", str(file))
    finally:
        file.unlink()
    return f"amqp://{user_of(name)}:{password}@127.0.0.1:{broker.port}/{VHOST}"


def remove(broker: BrokerNode, name: str) -> None:
    """Take the user away, which ends its connections, and the queue with what is in it. Raises StackError."""
    broker.control("delete_user", user_of(name))
    broker.control("delete_queue", "-p", VHOST, queue_of(name))


def listed(broker: BrokerNode) -> list[dict[str, Any]]:
    """Name, messages waiting and readers of each consumer."""
    columns = ("name", "messages", "consumers")
    queues = json.loads(broker.control("list_queues", "-p", VHOST, "--formatter", "json", *columns) or "[]")
    found = [queue for queue in queues if str(queue["name"]).startswith(queue_of(""))]
    return sorted(
        ({**each, "name": each["name"].removeprefix(queue_of(""))} for each in found), key=lambda q: q["name"]
    )


def _keys(patterns: Sequence[str], places: Sequence[str]) -> list[str]:
    try:
        return [in_jurisdiction(pattern, place) for pattern in patterns for place in places or (None,)]
    except ValueError as error:
        raise StackError(str(error)) from None


def _definitions(name: str, password: str, keys: Sequence[str]) -> dict[str, Any]:
    """The user with the one right it has. Imported at once: each call of rabbitmqctl starts an Erlang machine."""
    user = {"user": user_of(name), "vhost": VHOST}
    allowed = f"^({'|'.join(_as_regex(pattern) for pattern in keys)})$"
    return {
        "users": [
            {
                "name": user_of(name),
                "password_hash": password_hash(password),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "",
            }
        ],
        "permissions": [{**user, "configure": NOTHING, "write": NOTHING, "read": f"^{re.escape(queue_of(name))}$"}],
        # A second wall: were it ever given a right to bind, then with these and no other keys.
        "topic_permissions": [
            {**user, "exchange": events_exchange(owner), "write": NOTHING, "read": allowed} for owner in OWNERS
        ],
    }


def _bind(broker: BrokerNode, name: str, keys: Sequence[str]) -> None:
    """The queue anew with exactly these bindings; what waits in one that is there already stays."""
    import pika

    connection = pika.BlockingConnection(pika.URLParameters(broker.url()))
    try:
        channel = connection.channel()
        arguments = {"x-queue-type": "quorum", "x-max-length": MOST_MESSAGES, "x-overflow": "drop-head"}
        channel.queue_declare(queue_of(name), durable=True, arguments=arguments)
        for owner in OWNERS:
            channel.exchange_declare(events_exchange(owner), "topic", durable=True)
        before = _bindings(broker, name)
        wanted = {(events_exchange(owner), pattern) for owner in OWNERS for pattern in keys}
        for exchange, pattern in wanted - before:
            channel.queue_bind(queue_of(name), exchange, pattern)
        for exchange, pattern in before - wanted:
            channel.queue_unbind(queue_of(name), exchange, pattern)
    finally:
        connection.close()


def _bindings(broker: BrokerNode, name: str) -> set[tuple[str, str]]:
    columns = ("source_name", "destination_name", "routing_key")
    found = json.loads(broker.control("list_bindings", "-p", VHOST, "--formatter", "json", *columns) or "[]")
    return {
        (each["source_name"], each["routing_key"])
        for each in found
        if each["destination_name"] == queue_of(name) and each["source_name"]
    }


def _as_regex(key: str) -> str:
    words = {"*": r"[^.]+", "#": r".*"}
    return r"\.".join(words.get(word, re.escape(word)) for word in key.split("."))
