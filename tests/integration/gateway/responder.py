"""A tiny service on nameko's RPC protocol: a real queue, real messages, answers as the test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import pika

from chassis.actor import Actor
from chassis.assertions import DEVELOPMENT_ACTOR_KEY, Verifier, public_key_of

Handler = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Takes the method and its arguments; gives {"result": …} or {"problem": …}, or raises Silence or Death."""


class Silence(Exception):
    """Take this call and never answer it."""


class Death(Exception):
    """Take this call and die with it: the broker gives it to the next one."""


@dataclass(frozen=True)
class Seen:
    """One call as it arrived."""

    method: str
    arguments: dict[str, Any]
    headers: dict[str, Any]
    expiration_ms: int


class Responder:
    """Serves `rpc-<service>` in a thread while its `with` block lasts."""

    def __init__(self, url: str, service: str, handler: Handler) -> None:
        self._url = url
        self._service = service
        self.handler = handler
        self.seen: list[Seen] = []
        self.denials: list[Seen] = []
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"responder {service}")

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the responder did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(10)

    def commands(self) -> list[dict[str, Any]]:
        """Every command that was executed, in order of arrival, repeats included."""
        return [command for call in self.seen for command in commands_of(call.method, call.arguments)]

    def _serve(self) -> None:
        with pika.BlockingConnection(pika.URLParameters(self._url)) as connection:
            self._serve_on(connection)

    def _serve_on(self, connection: pika.BlockingConnection) -> None:
        channel = connection.channel()
        queue = f"rpc-{self._service}"
        channel.exchange_declare("nameko-rpc", "topic", durable=True)
        channel.queue_declare(queue, durable=True)
        channel.queue_bind(queue, "nameko-rpc", f"{self._service}.*")
        channel.basic_qos(prefetch_count=10)
        channel.basic_consume(queue, self._on_call)
        self._ready.set()
        while not self._stop.is_set():
            connection.process_data_events(0.05)

    def _on_call(self, channel: Any, delivery: Any, properties: Any, body: bytes) -> None:
        method = delivery.routing_key.rpartition(".")[2]
        message = json.loads(body)
        assert message["args"] == []
        arguments = message["kwargs"]
        # What the gateway tells by itself is nobody's call, comes at any time, and no test's handler expects it.
        by_itself = method == "record_denials"
        told = self.denials if by_itself else self.seen
        told.append(Seen(method, arguments, dict(properties.headers), int(properties.expiration)))
        handler = accepting if by_itself else self.handler
        try:
            reply: dict[str, Any] = {"result": handler(method, arguments), "error": None}
        except Silence:
            channel.basic_ack(delivery.delivery_tag)
            return
        except Death:
            self._stop.set()
            return
        except RuntimeError as error:
            reply = {"result": None, "error": {"exc_type": type(error).__name__, "value": str(error)}}
        answer = pika.BasicProperties(content_type="application/json", correlation_id=properties.correlation_id)
        channel.basic_publish("nameko-rpc", properties.reply_to, json.dumps(reply).encode(), answer)
        channel.basic_ack(delivery.delivery_tag)


def accepting(method: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A handler that accepts every command and echoes the arguments of every query."""
    if method == "execute":
        return {"result": {"answers": [accepted(command) for command in arguments["commands"]]}}
    if method == "execute_together":
        asked = [request["commands"] for request in arguments["requests"]]
        return {"result": {"answers": [[accepted(command) for command in commands] for commands in asked]}}
    return {"result": {"method": method, "arguments": arguments}}


def vouched_for(call: Seen) -> Actor:
    """On whose behalf the gateway made a call to dispatch, by its signed word."""
    return Verifier(public_key_of(DEVELOPMENT_ACTOR_KEY), "dispatch", mode="development")(call.headers["nameko.actor"])


def commands_of(method: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """The commands in a call, whether of one caller or of several."""
    if method == "execute_together":
        return [command for request in arguments["requests"] for command in request["commands"]]
    return list(arguments["commands"]) if method == "execute" else []


def accepted(command: dict[str, Any]) -> dict[str, Any]:
    """The answer of one command."""
    return {"ok": True, "status": 200, "replayed": False, "result": {"key": command["key"], "version": 2}}


def problem(code: str, status: int, **members: Any) -> dict[str, Any]:
    """A problem as a service sends it."""
    return {"type": f"urn:wangge:problem:{code}", "title": code, "status": status, "code": code, **members}
