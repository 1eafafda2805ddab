"""What happens to a batch: done, split, retried later, dead, or kept while the database is away.

- The method returned: one multiple acknowledgement.
- It raised because the database is away: the same batch again with back-off; no attempt is burnt and
  nothing is given back, for up to RabbitMQ 4.2 every return counts against ``x-delivery-limit``.
- It raised otherwise: the batch is halved until the failing message stands alone, so a poison message
  costs some twenty short transactions and its 499 neighbours go through, in their order.
- Alone and failing: if another try can help, to the retry queue with its attempt counted in a header
  (4.0 stopped interpreting a republished ``x-death``); else, or after the last attempt, to the dead
  queue with its reason. Both are published with a confirm before the original is acknowledged.
"""

from __future__ import annotations

import copy
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.exc import OperationalError

from chassis import headers as keys
from chassis import metrics
from chassis.clock import format_time, utc_now
from chassis.database import is_away, sqlstate_of
from chassis.errors import ServiceError, Unavailable
from chassis.link import BrokerLost, Link, Message
from chassis.logs import get_logger
from chassis.nameko.delivery import Delivery, Undecodable
from chassis.topology import Subscription

CONFIRM_SECONDS = 10.0
_PAUSE_SECONDS = (0.1, 5.0)
# The database answered, only too slowly or after a clash: that is this message's own affair.
_BUSY = frozenset({"57014", "55P03", "40001", "40P01"})
_log = get_logger()


class Stopped(Exception):
    """The container drains or dies: leave everything that is not acknowledged to the broker."""


class Batches:
    """Handles the batches of one consumer on one link; messages are settled strictly in order of arrival."""

    def __init__(
        self,
        link: Link,
        subscription: Subscription,
        handler: str,
        call: Callable[[list[Delivery]], None],
        should_abandon: Callable[[], bool],
    ) -> None:
        self._link = link
        self._subscription = subscription
        self._handler = handler
        self._call = call
        self._should_abandon = should_abandon

    def handle(self, good: list[Delivery], bad: Sequence[tuple[Delivery, Undecodable]]) -> None:
        """Settle a batch. Raises BrokerLost, or Stopped when a drain ran out of time."""
        metrics.EVENTS_BATCH_SIZE.labels(self._handler).observe(len(good) + len(bad))
        for delivery, error in bad:
            self._bury(delivery, error)
            self._link.ack(delivery.tag)
        if good:
            self._settle(good)

    def _settle(self, batch: list[Delivery]) -> None:
        failure = self._run(batch)
        if failure is None:
            self._count("done", len(batch))
        elif len(batch) > 1:
            _log.warning("batch failed and is halved", handler=self._handler, size=len(batch), error=reason(failure))
            middle = len(batch) // 2
            self._settle(batch[:middle])
            self._settle(batch[middle:])
            return
        else:
            self._retry_or_bury(batch[0], failure)
        # Everything before this tag is settled: batches, and the halves of one, run in order.
        self._link.ack(batch[-1].tag, multiple=True)

    def _run(self, batch: list[Delivery]) -> BaseException | None:
        """Call the handler until it succeeds or fails for a reason of its own; waits while the database is away.

        A link that is lost meanwhile is noticed at the acknowledgement: the handler's commit counts,
        and the messages that come back then are known to the inbox.
        """
        pause = _PAUSE_SECONDS[0]
        while True:
            try:
                self._call(batch)
            except Stopped:
                raise
            except Exception as failure:  # noqa: BLE001 (whatever a handler raises decides one message's fate, not ours)
                if not infrastructure_is_away(failure):
                    return failure
                _log.warning("handler waits for the database", handler=self._handler, error=reason(failure))
                self._count("requeued", len(batch))
                self._pause(pause)
                pause = min(pause * 2, _PAUSE_SECONDS[1])
            else:
                return None

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._should_abandon():
                raise Stopped
            if self._link.is_open:
                try:
                    self._link.step(min(left, 0.25))
                except BrokerLost:
                    continue
            else:
                # Not reconnecting here is meant: each return of the batch would count against its delivery limit.
                time.sleep(min(left, 0.25))

    def _retry_or_bury(self, delivery: Delivery, failure: BaseException) -> None:
        if not can_be_retried(failure) or delivery.attempt >= self._subscription.max_attempts:
            self._bury(delivery, failure)
            return
        queue = self._subscription.retry_queue(delivery.attempt)
        self._republish(queue, delivery, {keys.ATTEMPT: delivery.attempt + 1, keys.ERROR: reason(failure)})
        self._count("retried", 1)
        _log.warning(
            "message will be retried",
            handler=self._handler,
            message_id=delivery.message_id,
            queue=queue,
            attempt=delivery.attempt,
            error=reason(failure),
        )

    def _bury(self, delivery: Delivery, failure: BaseException) -> None:
        self._republish(
            self._subscription.dead,
            delivery,
            {
                keys.ATTEMPT: delivery.attempt,
                keys.ERROR: reason(failure),
                keys.HANDLER: self._handler,
                keys.DEAD_AT: format_time(utc_now()),
            },
        )
        self._count("dead", 1)
        _log.error(
            "message is dead",
            handler=self._handler,
            message_id=delivery.message_id,
            queue=self._subscription.dead,
            attempt=delivery.attempt,
            error=reason(failure),
        )

    def _republish(self, queue: str, delivery: Delivery, headers: dict[str, Any]) -> None:
        properties = copy.copy(delivery.properties)
        route = {keys.EXCHANGE: delivery.exchange, keys.ROUTING_KEY: delivery.routing_key}
        properties.headers = {**delivery.headers, **route, **headers}
        properties.delivery_mode = 2
        # A TTL the producer set would cut the stay in the retry or dead queue short.
        properties.expiration = None
        [error] = self._link.publish_all([Message("", queue, delivery.body, properties)], CONFIRM_SECONDS)
        if error is not None:
            raise BrokerLost(f"message not accepted by {queue}: {error}")

    def _count(self, outcome: str, number: int) -> None:
        metrics.EVENTS_HANDLED.labels(self._handler, outcome).inc(number)


def infrastructure_is_away(failure: BaseException) -> bool:
    """Whether the failure says nothing about the message: the database cannot be reached."""
    cause = failure.__cause__ if isinstance(failure, Unavailable) and failure.__cause__ else failure
    if sqlstate_of(cause) in _BUSY:
        return False
    return isinstance(failure, Unavailable) or is_away(failure)


def can_be_retried(failure: BaseException) -> bool:
    """Whether the same message may succeed later without anybody changing anything."""
    if isinstance(failure, ServiceError):
        return failure.retryable
    return isinstance(failure, OperationalError)


def reason(failure: BaseException) -> str:
    """Why, for headers and logs: type, code and place. Never the text of an unexpected error: it may quote the body."""
    if isinstance(failure, ServiceError | Undecodable):
        return f"{type(failure).__name__}: {failure}"[:200]
    frames = traceback.extract_tb(failure.__traceback__)
    place = f" at {frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    state = sqlstate_of(failure)
    return f"{type(failure).__name__}{f' [{state}]' if state else ''}{place}"
