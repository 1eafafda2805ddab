"""``@events``: batches of messages into one method call, one transaction, one acknowledgement.

Stock nameko acknowledges whatever happened, loses undecodable bodies in silence, and ties prefetch
to workers (docs on nameko traps, D.2 and D.4). Here one greenlet owns the consumer's connection:
it gathers up to 500 deliveries or 5 ms, runs the service method once in a worker, and acknowledges
after the method returned, that is after its commit. ``chassis.nameko.batches`` says what follows a
failure.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import eventlet
from eventlet.event import Event
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import Entrypoint

from chassis import metrics, topology
from chassis.headers import TRACEPARENT
from chassis.link import BrokerLost, Link
from chassis.logs import get_logger
from chassis.nameko.batches import Batches, Stopped
from chassis.nameko.delivery import Delivery, Undecodable, delivery_of
from chassis.nameko.workers import spawn_worker
from chassis.topology import Subscription
from chassis.tracing import on_behalf_of, span

__all__ = ["Delivery", "EventsEntrypoint", "Subscription", "events"]

BATCH_SIZE = 500
GATHER_SECONDS = 0.005
PREFETCH = 3 * BATCH_SIZE
DRAIN_SECONDS = 10.0
_RECONNECT_SECONDS = (0.1, 5.0)
_log = get_logger()


class EventsEntrypoint(Entrypoint):
    """Calls ``method(self, deliveries: list[Delivery])`` for a subscription's queue.

    The method runs one transaction for the whole list and returns after the commit. It must pass the
    message ids through the inbox (a delivery may come again) and make no synchronous RPC call: a
    worker that waits for a reply while prefetched messages fill the pool is a known deadlock.
    Several may live in one service, each with its own connection, queue and order.
    """

    def __init__(
        self,
        subscription: Subscription,
        handler: str | None = None,
        *,
        batch_size: int = BATCH_SIZE,
        gather_seconds: float = GATHER_SECONDS,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.subscription = subscription
        self.handler = handler or subscription.purpose
        self.batch_size = batch_size
        self.gather_seconds = gather_seconds
        self.connected = False
        self._link: Link | None = None
        self._arrived: deque[tuple[Any, Any, bytes]] = deque()
        self._stopping = False
        self._drain_until = 0.0
        self._thread: Any = None

    def start(self) -> None:
        """Called by the container once everything is set up: begin consuming."""
        self._thread = self.container.spawn_managed_thread(self._run, identifier=f"events {self.handler}")

    def stop(self) -> None:
        """Called first in a drain: take nothing new, finish what has arrived, then return."""
        self._drain_until = time.monotonic() + DRAIN_SECONDS
        self._stopping = True
        self._wake()
        if self._thread is not None:
            self._thread.wait()

    def kill(self) -> None:
        """Called when the container dies: what is unacknowledged returns to the queue."""
        self._drain_until = 0.0
        self._stopping = True
        self._wake()

    def _run(self) -> None:
        pause = _RECONNECT_SECONDS[0]
        while not self._stopping:
            link = Link(self.container.config["AMQP_URI"], name=f"{self.handler} events")
            try:
                self._consume(link)
                pause = _RECONNECT_SECONDS[0]
            except Stopped:
                pass
            except (BrokerLost, topology.TopologyMismatch) as lost:
                pause = _RECONNECT_SECONDS[0] if self.connected else min(pause * 2, _RECONNECT_SECONDS[1])
                _log.warning("consumer lost its broker", handler=self.handler, error=str(lost), pause_seconds=pause)
            finally:
                self.connected, self._link = False, None
                self._arrived.clear()
                link.close()
            if not self._stopping:
                eventlet.sleep(pause)

    def _consume(self, link: Link) -> None:
        link.open()
        # Redeclared at every connection: a broker may come back empty.
        topology.declare(link, (), [self.subscription])
        batches = Batches(link, self.subscription, self.handler, self._call, self._should_abandon)
        tag = link.consume(self.subscription.queue, PREFETCH, self._on_delivery)
        self._link, self.connected = link, True
        _log.info("consuming", handler=self.handler, queue=self.subscription.queue)
        cancelled = False
        while not self._should_abandon():
            if self._stopping and not cancelled:
                link.cancel(tag)
                cancelled = True
            raw = self._gather(link)
            if raw:
                batches.handle(*self._decode(raw))
            elif cancelled:
                return

    def _gather(self, link: Link) -> list[tuple[Any, Any, bytes]]:
        """Up to a batch of deliveries; waits for the first, then a few milliseconds for company."""
        if not self._arrived:
            link.step(0 if self._stopping else 1.0)
            if not self._arrived:
                return []
        until = time.monotonic() + self.gather_seconds
        while len(self._arrived) < self.batch_size and (left := until - time.monotonic()) > 0:
            link.step(left)
        return [self._arrived.popleft() for _ in range(min(len(self._arrived), self.batch_size))]

    def _decode(
        self, raw: Sequence[tuple[Any, Any, bytes]]
    ) -> tuple[list[Delivery], list[tuple[Delivery, Undecodable]]]:
        good: list[Delivery] = []
        bad: list[tuple[Delivery, Undecodable]] = []
        for method, properties, body in raw:
            delivery, error = delivery_of(method, properties, body)
            if error is None:
                good.append(delivery)
            else:
                bad.append((delivery, error))
        return good, bad

    def _call(self, deliveries: list[Delivery]) -> None:
        """Run the service method in a worker of the container, keeping the connection alive meanwhile."""
        done = Event()
        link = self._link
        causes = [each.headers.get(TRACEPARENT) for each in deliveries]
        timed = metrics.EVENTS_BATCH_SECONDS.labels(self.handler).time()
        name = f"process {self.subscription.queue}"
        with span(name, "consumer", links=causes), on_behalf_of(name, "consumer", causes), timed:
            self._spawn(deliveries, done)
            while not done.ready():
                if link is not None and link.is_open:
                    try:
                        link.step(1.0)
                    except BrokerLost:
                        continue
                else:
                    done.wait()
        failure = done.wait()
        if failure is not None:
            raise failure

    def _spawn(self, deliveries: list[Delivery], done: Event) -> None:
        def finished(_context: Any, result: Any, exc_info: Any) -> tuple[Any, Any]:
            done.send(exc_info[1] if exc_info else None)
            self._wake()
            return result, exc_info

        try:
            spawn_worker(self.container, self, (deliveries,), {}, finished)
        except ContainerBeingKilled as killed:
            raise Stopped from killed

    def _on_delivery(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._arrived.append((method, properties, body))

    def _should_abandon(self) -> bool:
        return self._stopping and time.monotonic() >= self._drain_until

    def _wake(self) -> None:
        if self._link is not None:
            self._link.wake()


events: Callable[..., Any] = EventsEntrypoint.decorator
