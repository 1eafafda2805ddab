"""``@rpc``: calls with a deadline, answered with a result or a typed problem.

Speaks nameko's own protocol (exchange ``nameko-rpc``, queue ``rpc-<service>``, body
``{"args": [], "kwargs": {}}``, reply ``{"result": …, "error": null}`` to ``reply_to``), so any nameko
client can call; ``result`` holds ``{"result": …}`` or ``{"problem": {…}}`` (RFC 9457). Not built on
nameko's RpcConsumer: that encodes twice with the slow JSON, waits for a confirm of every reply, and
leaves prefetch and reconnection to kombu (docs on nameko traps, D.4 and D.5).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import eventlet
import orjson
import pika
from nameko.exceptions import ContainerBeingKilled, IncorrectSignature
from nameko.extensions import Entrypoint, ProviderCollector, SharedExtension

from chassis import metrics
from chassis.actor import Actor
from chassis.assertions import Verifier
from chassis.calls import Call, call_of
from chassis.errors import DeadlineExceeded, Forbidden, MalformedRequest, ServiceError
from chassis.link import BrokerLost, Link, Message
from chassis.logs import get_logger
from chassis.nameko.call_context import CallContext
from chassis.nameko.problems import UnknownMethod, problem_of
from chassis.nameko.workers import spawn_worker
from chassis.topology import RPC_EXCHANGE
from chassis.tracing import span

__all__ = ["Call", "CallContext", "Rpc", "rpc"]

DRAIN_SECONDS = 10.0
_DEFAULT_WORKERS = 10
_RECONNECT_SECONDS = (0.1, 5.0)
_log = get_logger()

May = Callable[[Actor, str], bool]
"""Whether an actor holds a permission; which of its rows that reaches is for the method to decide."""


class RpcServer(SharedExtension, ProviderCollector):
    """The service's one RPC consumer: takes calls, hands them to workers, sends what they answer.

    Prefetch equals ``RPC_WORKERS`` of the configuration, so a call waits in the broker, where its
    deadline is still watched by the caller, and not in a process that may be about to drain.
    """

    def __init__(self) -> None:
        super().__init__()
        self.connected = False
        self._link: Link | None = None
        self._arrived: deque[tuple[Any, Any, bytes]] = deque()
        self._answered: deque[tuple[Link, int, Message | None]] = deque()
        self._in_flight = 0
        self._stopping = False
        self._drain_until = 0.0
        self._thread: Any = None

    @property
    def queue(self) -> str:
        return f"rpc-{self.container.service_name}"

    def start(self) -> None:
        """Called by the container once every method has registered: begin consuming."""
        # A KeyError here ends a service that was started without: nobody is served unrecognised.
        self._recognise: Verifier = self.container.config["RECOGNISE"]
        self._may: May = self.container.config["MAY"]
        self._thread = self.container.spawn_managed_thread(self._run, identifier="rpc")

    def stop_serving(self) -> None:
        """Take no new call, wait until those in flight are answered. Called by every method; the first one does it."""
        if not self._stopping:
            self._drain_until = time.monotonic() + DRAIN_SECONDS
            self._stopping = True
            self._wake()
        if self._thread is not None:
            self._thread.wait()

    def kill(self) -> None:
        """Called when the container dies: unanswered calls return to the queue."""
        self._drain_until = 0.0
        self._stopping = True
        self._wake()

    def _run(self) -> None:
        pause = _RECONNECT_SECONDS[0]
        while not self._stopping:
            link = Link(self.container.config["AMQP_URI"], name=f"{self.queue} server", confirms=False)
            try:
                self._serve(link)
            except BrokerLost as lost:
                pause = _RECONNECT_SECONDS[0] if self.connected else min(pause * 2, _RECONNECT_SECONDS[1])
                _log.warning("rpc lost its broker", queue=self.queue, error=str(lost), pause_seconds=pause)
            finally:
                self.connected, self._link = False, None
                self._arrived.clear()
                link.close()
            if not self._stopping:
                eventlet.sleep(pause)

    def _serve(self, link: Link) -> None:
        link.open()
        # As stock nameko declares them; again at every connection, as a broker may come back empty.
        link.call("exchange_declare", RPC_EXCHANGE, exchange_type="topic", durable=True)
        link.call("queue_declare", self.queue, durable=True)
        link.call("queue_bind", self.queue, RPC_EXCHANGE, f"{self.container.service_name}.*")
        workers = int(self.container.config.get("RPC_WORKERS", _DEFAULT_WORKERS))
        tag = link.consume(self.queue, workers, self._on_delivery)
        self._link, self.connected = link, True
        _log.info("serving calls", queue=self.queue, workers=workers)
        cancelled = False
        while True:
            if self._stopping and not cancelled:
                link.cancel(tag)
                cancelled = True
            while self._arrived:
                self._begin(link, *self._arrived.popleft())
            self._send_answers(link)
            if cancelled and (not self._in_flight or time.monotonic() >= self._drain_until):
                link.step(0)
                return
            link.step(0.1 if cancelled else 1.0)

    def _begin(self, link: Link, method: Any, properties: Any, body: bytes) -> None:
        started = time.monotonic()
        name = method.routing_key.rpartition(".")[2]

        def answer(reply: dict[str, Any]) -> None:
            outcome = reply["problem"]["code"] if "problem" in reply else "ok"
            metrics.RPC_SECONDS.labels(name if provider else "unknown", outcome).observe(time.monotonic() - started)
            self._answered.append((link, method.delivery_tag, _reply(properties, reply)))
            self._wake()

        provider = next((each for each in self._providers if each.method_name == name), None)
        try:
            if provider is None:
                raise UnknownMethod(f"{self.container.service_name} has no method {name}")
            args, kwargs = _arguments(provider, body)
            call = call_of(properties.headers or {}, properties.expiration, recognise=self._recognise)
            if not self._may(call.actor, provider.permission):
                raise Forbidden(
                    f"your roles do not give {provider.permission}", rule="role", permission=provider.permission
                )
            if call.is_late():
                raise DeadlineExceeded("the deadline passed before the call was started")
        except ServiceError as refused:
            answer({"problem": refused.to_problem()})
            return
        self._spawn(provider, args, kwargs, call, answer)

    def _spawn(
        self,
        provider: Rpc,
        args: list[Any],
        kwargs: dict[str, Any],
        call: Call,
        answer: Callable[[dict[str, Any]], None],
    ) -> None:
        def finished(_context: Any, result: Any, exc_info: Any) -> tuple[Any, Any]:
            opened.end()
            self._in_flight -= 1
            metrics.RPC_IN_FLIGHT.dec()
            answer({"problem": problem_of(exc_info[1], provider.method_name)} if exc_info else {"result": result})
            return result, exc_info

        self._in_flight += 1
        metrics.RPC_IN_FLIGHT.inc()
        try:
            name = f"{self.container.service_name}.{provider.method_name}"
            with span(name, "server", parent=call.traceparent, ends=False) as opened:
                spawn_worker(self.container, provider, args, kwargs, finished, {CallContext.KEY: call})
        except ContainerBeingKilled:
            # Not acknowledged: the call returns to the queue when the connection closes.
            opened.end()
            self._in_flight -= 1
            metrics.RPC_IN_FLIGHT.dec()

    def _send_answers(self, link: Link) -> None:
        """Send replies, then acknowledge: a crash in between answers twice, and clients drop the second."""
        with link.corked():
            while self._answered:
                origin, tag, message = self._answered.popleft()
                if origin is not link:
                    # Taken on a lost connection: the call came back to the queue and its twin will answer.
                    continue
                if message is not None:
                    link.publish(message)
                link.ack(tag)

    def _on_delivery(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._arrived.append((method, properties, body))

    def _wake(self) -> None:
        if self._link is not None:
            self._link.wake()


class Rpc(Entrypoint):
    """Makes a service method callable for those who hold ``permission``; it returns what JSON can hold, or raises a
    refusal.
    """

    server = RpcServer()

    def __init__(self, *, permission: str, **options: Any) -> None:
        super().__init__(**options)
        self.permission = permission

    def setup(self) -> None:
        self.server.register_provider(self)

    def stop(self) -> None:
        self.server.stop_serving()
        self.server.unregister_provider(self)


def _arguments(provider: Rpc, body: bytes) -> tuple[list[Any], dict[str, Any]]:
    try:
        document = orjson.loads(body)
        args, kwargs = document["args"], document["kwargs"]
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedRequest('a call\'s body is JSON: {"args": [], "kwargs": {}}') from error
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise MalformedRequest("args must be a list and kwargs an object")
    try:
        provider.check_signature(args, kwargs)
    except IncorrectSignature as error:
        raise MalformedRequest(f"wrong arguments: {error}", code="wrong_arguments") from error
    return args, kwargs


def _reply(properties: Any, reply: dict[str, Any]) -> Message | None:
    if not properties.reply_to:
        return None
    try:
        body = orjson.dumps({"result": reply, "error": None})
    except TypeError as error:
        problem = problem_of(error, "encoding of the result")
        body = orjson.dumps({"result": {"problem": problem}, "error": None})
    return Message(
        RPC_EXCHANGE,
        properties.reply_to,
        body,
        pika.BasicProperties(
            content_type="application/json", content_encoding="utf-8", correlation_id=properties.correlation_id
        ),
        # The caller may have left; its reply is then of no use to anybody.
        mandatory=False,
    )


rpc: Callable[..., Any] = Rpc.decorator
