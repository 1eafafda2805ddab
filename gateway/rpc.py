"""Calls to nameko services over their own RPC protocol, without nameko: pika on asyncio.

A call is a JSON message to the exchange `nameko-rpc` with routing key `<service>.<method>`; the answer comes to this
process's own exclusive queue. Calls travel with a deadline (header `nameko.deadline`, epoch milliseconds, and the AMQP
expiration of the message), the actor (`nameko.actor`, signed for that service) and the trace (`nameko.traceparent`).
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.exceptions import AMQPError

from chassis.actor import Actor
from chassis.assertions import Assertions
from chassis.errors import DeadlineExceeded, Internal, ServiceError, Unauthenticated, Unavailable
from chassis.logs import get_logger
from gateway.amqp import Link, ask, open_channel
from gateway.metrics import RPC_IN_FLIGHT, RPC_SECONDS

EXCHANGE = "nameko-rpc"
FIRST_RETRY_SECONDS = 0.05
LONGEST_RETRY_SECONDS = 1.0
FIRST_CONNECTION_SECONDS = 5.0
UNKNOWN_METHOD = "unknown_method"
"""While a release is rolled out a call may meet a replica of the one before, which does not know it yet."""

log = get_logger()


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a call is made, and the trace it belongs to."""

    actor: Actor
    traceparent: str | None = None


class Calls(Protocol):
    """What routes and streams need of the RPC client."""

    async def call(
        self, service: str, method: str, arguments: dict[str, Any], *, timeout_s: float, caller: Caller
    ) -> Any:
        """One call; see RpcClient.call."""


class RpcClient:
    """The gateway's one RPC connection: many calls in flight, answers matched by correlation id."""

    def __init__(self, amqp_url: str, assertions: Assertions) -> None:
        self._assertions = assertions
        self._link = Link(amqp_url, "gateway.rpc", self._setup, self._lost)
        self._channel: Channel | None = None
        self._reply_key = ""
        self._blocked = False
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._started = time.monotonic()
        self._was_up = False

    def start(self) -> None:
        """Begin connecting; returns at once."""
        self._started = time.monotonic()
        self._link.start()

    async def stop(self) -> None:
        """Close the connection; calls still in flight fail as unavailable."""
        await self._link.stop()

    @property
    def ready(self) -> bool:
        """True when calls can be sent now."""
        return self._link.up.is_set() and not self._blocked

    @property
    def had_its_time(self) -> bool:
        """True once there has been a connection, or time enough for one."""
        return self._was_up or time.monotonic() - self._started > FIRST_CONNECTION_SECONDS

    async def call(
        self, service: str, method: str, arguments: dict[str, Any], *, timeout_s: float, caller: Caller
    ) -> Any:
        """Call `service.method(**arguments)` and return its result.

        Every call the gateway makes may be repeated (a read, or a command with its idempotency key), so a lost
        connection, an absent service, or one of another release that does not know the method, is tried again with
        back-off until `timeout_s` is used up.
        Raises ServiceError: the service's own problem, Unavailable, or DeadlineExceeded.
        """
        give_up = time.monotonic() + timeout_s
        delay = FIRST_RETRY_SECONDS
        started = time.perf_counter()
        outcome = "ok"
        try:
            while True:
                try:
                    return await self._once(service, method, arguments, give_up, caller)
                except ServiceError as error:
                    another_may = error.status == Unavailable.status or error.code == UNKNOWN_METHOD
                    if not another_may or time.monotonic() + delay >= give_up:
                        raise
                await asyncio.sleep(delay)
                delay = min(delay * 2, LONGEST_RETRY_SECONDS)
        except ServiceError as error:
            outcome = error.code
            raise
        finally:
            RPC_SECONDS.labels(service, method, outcome).observe(time.perf_counter() - started)

    async def _once(self, service: str, method: str, arguments: dict[str, Any], give_up: float, caller: Caller) -> Any:
        await self._wait_until_up(give_up)
        correlation = uuid.uuid4().hex
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[correlation] = answer
        RPC_IN_FLIGHT.inc()
        try:
            self._publish(service, method, arguments, give_up, caller, correlation)
            async with asyncio.timeout(max(0.0, give_up - time.monotonic())):
                body = await answer
        except TimeoutError:
            raise DeadlineExceeded(f"{service} did not answer in time") from None
        finally:
            RPC_IN_FLIGHT.dec()
            self._waiting.pop(correlation, None)
        return unwrap(body, service, method)

    async def _wait_until_up(self, give_up: float) -> None:
        if self._blocked:
            raise Unavailable("the broker accepts no messages at the moment")
        try:
            async with asyncio.timeout(max(0.0, give_up - time.monotonic())):
                await self._link.up.wait()
        except TimeoutError:
            raise Unavailable("no connection to the broker") from None

    def _publish(
        self, service: str, method: str, arguments: dict[str, Any], give_up: float, caller: Caller, correlation: str
    ) -> None:
        remaining_ms = max(1, int((give_up - time.monotonic()) * 1000))
        headers: dict[str, Any] = {
            "nameko.deadline": int(time.time() * 1000) + remaining_ms,
            "nameko.actor": self._assertions.of(caller.actor, service),
        }
        if caller.traceparent:
            headers["nameko.traceparent"] = caller.traceparent
        properties = pika.BasicProperties(
            content_type="application/json",
            content_encoding="utf-8",
            reply_to=self._reply_key,
            correlation_id=correlation,
            expiration=str(remaining_ms),
            headers=headers,
        )
        body = orjson.dumps({"args": [], "kwargs": arguments})
        try:
            assert self._channel is not None  # noqa: S101 - the link is up, so _setup has run
            self._channel.basic_publish(EXCHANGE, f"{service}.{method}", body, properties, mandatory=True)
        except AMQPError:
            raise Unavailable("the connection to the broker was lost") from None

    async def _setup(self, connection: AsyncioConnection) -> None:
        channel = await open_channel(connection)
        channel.add_on_close_callback(lambda _channel, _reason: self._link.drop())
        channel.add_on_return_callback(self._on_return)
        connection.add_on_connection_blocked_callback(lambda _connection, _frame: self._flow(blocked=True))
        connection.add_on_connection_unblocked_callback(lambda _connection, _frame: self._flow(blocked=False))
        key = uuid.uuid4().hex
        queue = f"rpc.reply-gateway-{key}"
        await ask(channel, channel.exchange_declare, exchange=EXCHANGE, exchange_type="topic", durable=True)
        await ask(channel, channel.queue_declare, queue=queue, exclusive=True, auto_delete=True)
        await ask(channel, channel.queue_bind, queue=queue, exchange=EXCHANGE, routing_key=key)
        await ask(channel, channel.basic_consume, queue=queue, on_message_callback=self._on_answer, auto_ack=True)
        self._channel, self._reply_key, self._blocked = channel, key, False
        self._was_up = True

    def _lost(self) -> None:
        self._channel = None
        self._blocked = False
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Unavailable("the connection to the broker was lost"))

    def _flow(self, *, blocked: bool) -> None:
        self._blocked = blocked
        log.warning("broker flow changed", blocked=blocked)

    def _on_answer(self, _channel: Channel, _method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        answer = self._waiting.get(properties.correlation_id)
        if answer is not None and not answer.done():
            answer.set_result(body)

    def _on_return(self, _channel: Channel, method: Any, properties: pika.BasicProperties, _body: bytes) -> None:
        answer = self._waiting.get(properties.correlation_id)
        if answer is not None and not answer.done():
            service = method.routing_key.partition(".")[0]
            answer.set_exception(Unavailable(f"{service} is not there"))


def unwrap(body: bytes, service: str, method: str) -> Any:
    """The result inside an answer of a service. Raises the typed error it carries instead."""
    try:
        message = orjson.loads(body)
        error, result = message.get("error"), message.get("result")
    except (orjson.JSONDecodeError, AttributeError):
        raise Internal(f"{service} sent an answer that cannot be read") from None
    if error:
        kind = str(error.get("exc_type", "unknown"))
        log.error("nameko refused a call", service=service, method=method, exc_type=kind)
        raise Internal(f"{service} could not run this call")
    if not isinstance(result, dict) or not ("result" in result or "problem" in result):
        raise Internal(f"{service} sent an answer of an unknown shape")
    if "problem" in result:
        if result["problem"].get("code") == Unauthenticated.code:
            # Its keys are not ours: a fault of the house, of which the caller, whom we know, must not be told 401.
            log.error("a service does not take our word", service=service, method=method)
            raise Internal(f"{service} could not tell who is calling")
        raise ServiceError.from_problem(result["problem"])
    return result["result"]
