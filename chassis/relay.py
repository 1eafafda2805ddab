"""The outbox relay: committed rows become confirmed messages, in order per aggregate, none lost.

Runs in the sidecar's own thread, without eventlet. One transaction a round: take the service's
advisory lock, claim the oldest rows, publish them with pipelined confirms, delete what the broker
confirmed, commit. There is no lease to wait for: when a relay dies its connection closes, and the
next one owns lock and rows at once; a frozen one is thrown out by the database after its
``idle_in_transaction_session_timeout`` (5 s). A crash between confirm and commit publishes again
under the same message id, which every inbox knows.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy import Engine, Table, func
from sqlalchemy import select as sql_select
from sqlalchemy.exc import DBAPIError

from chassis import metrics
from chassis.health import Heartbeat
from chassis.link import BrokerLost, BrokerRefused, Link
from chassis.logs import get_logger
from chassis.outbox_rows import OutboxClaim, OutboxRow
from chassis.relay_window import Sent, SlidingWindow

POLL_SECONDS = 0.05
# Below the database's idle-in-transaction limit of 5 s, so that the round can still delete and commit.
CONFIRM_SECONDS = 4.0
# What is not on its way by then stays for the next round: a slow broker must not make a round too long to commit.
SEND_SECONDS = 1.0
# While a round ends (its last confirms, delete, commit) the broker has nothing to do; a round has an end in any case.
WINDOWS_A_ROUND = 20
_MEASURE_SECONDS = 1.0
_COUNT_AT_MOST = 10_000
_RECONNECT_SECONDS = (0.1, 5.0)
_EXCHANGE_IN_REPLY = re.compile(r"exchange '([^']*)'")
_log = get_logger()


class Stop(Protocol):
    """What the relay needs of a ``threading.Event``."""

    def is_set(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> bool: ...


class BrokerSilent(BrokerLost):
    """The connection stands, no alarm was told, yet a message is not confirmed: some queue of the broker is stuck."""


class Relay:
    """Publishes the outbox of one service.

    ``owner`` names the service: of all relays with the same owner on one database only one publishes
    at a time, which is what keeps the order of an aggregate's events. ``window`` is the number of
    messages without confirm at any time; a round claims up to twenty times as many rows. ``port`` is where the
    service nudges after a commit (UDP, loopback); 0 means polling only. ``awaits`` names queues without which nothing
    is published on a new connection: a broker that is starting serves connections before it routes to its streams, and
    confirms what then reached other queues only (docs/decisions/0079).
    """

    def __init__(
        self,
        engine: Engine,
        table: Table,
        amqp_url: str,
        owner: str,
        window: int = 500,
        port: int = 0,
        awaits: Sequence[str] = (),
    ) -> None:
        self._engine = engine
        self._table = table
        self._amqp_url = amqp_url
        self._owner = owner
        self._port = port
        self._window = window
        self._awaits = awaits
        self.on_nudge: Callable[[bytes], None] = _outbox_only
        self._measured = 0.0
        self.connected = False
        self._silent_since: float | None = None
        # Longer than any one step may take: connecting, a statement, the confirms.
        self.heartbeat = Heartbeat(limit_seconds=60.0)

    def run(self, stop: Stop) -> None:
        """Relay until ``stop`` is set, through every outage of broker and database."""
        pause = _RECONNECT_SECONDS[0]
        with _NudgeSocket(self._port) as nudges:
            while not stop.is_set():
                self.heartbeat.beat()
                try:
                    with Link(self._amqp_url, name=f"{self._owner} relay") as link:
                        for queue in self._awaits:
                            link.call("queue_declare", queue, passive=True)
                        self._set_connected(connected=True)
                        pause = _RECONNECT_SECONDS[0]
                        self._relay_until_lost(link, stop, nudges)
                except (BrokerLost, DBAPIError) as error:
                    self._heard(error)
                    _log.warning("relay interrupted", owner=self._owner, error=_brief(error), pause_seconds=pause)
                    self._set_connected(connected=False)
                    stop.wait(pause)
                    pause = min(pause * 2, _RECONNECT_SECONDS[1])
        self._set_connected(connected=False)

    @property
    def silent_seconds(self) -> float:
        """For how long the broker has been there, without an alarm, and has confirmed nothing; 0 while all is well."""
        return 0.0 if self._silent_since is None else time.monotonic() - self._silent_since

    def _heard(self, error: Exception) -> None:
        if isinstance(error, BrokerSilent):
            self._set_silent_since(self._silent_since or time.monotonic() - CONFIRM_SECONDS)
        else:
            self._set_silent_since(None)

    def _set_silent_since(self, moment: float | None) -> None:
        self._silent_since = moment
        metrics.RELAY_SILENT_SECONDS.set(self.silent_seconds)

    def relay_once(self, link: Link) -> int:
        """One round; the number of rows that left the outbox or were put back with an error.

        Zero means nothing to do, or another relay holds the lock. Raises BrokerLost when a confirm
        did not come: what was confirmed until then is deleted all the same.
        """
        started = time.monotonic()
        with self._engine.begin() as connection:
            claim = OutboxClaim(connection, self._table, self._owner, self._window * WINDOWS_A_ROUND)
            rows = claim.first(self._window) if claim.is_ours() else []
            if not rows:
                # Nothing is owed by us: whoever holds the lock, or the next message, will tell of a silent broker.
                self._set_silent_since(None)
                return 0
            sent = self._publish_and_finish(link, claim, rows)
        self._report(sent, time.monotonic() - started)
        if link.lost is not None:
            raise link.lost
        if sent.unanswered:
            words = f"{len(sent.unanswered)} messages were not confirmed within {CONFIRM_SECONDS} s"
            raise BrokerLost(words) if link.blocked else BrokerSilent(words)
        self._set_silent_since(None)
        return len(sent.confirmed) + len(sent.failed)

    def _publish_and_finish(self, link: Link, claim: OutboxClaim, rows: Sequence[OutboxRow]) -> Sent:
        deleted = 0

        def confirmed() -> list[int]:
            nonlocal deleted
            ids = window.sent.confirmed[deleted:]
            deleted += len(ids)
            return ids

        window = SlidingWindow(link, rows, self._window, lambda: claim.next(self._window, confirmed()))
        sent = window.run(send_seconds=SEND_SECONDS, confirm_seconds=CONFIRM_SECONDS)
        refused = _refused_exchange(link)
        sent.failed += [(row, f"refused {link.lost}") for row in sent.unanswered if row.exchange == refused]
        claim.put_back({row.id: error for row, error in sent.failed})
        claim.finish(confirmed())
        return sent

    def measure(self) -> None:
        """Set the gauges of depth and age; at most once a second, and counting stops at ten thousand."""
        if time.monotonic() - self._measured < _MEASURE_SECONDS:
            return
        self._measured = time.monotonic()
        oldest = sql_select(self._table.c.created_at).order_by(self._table.c.id).limit(_COUNT_AT_MOST).subquery()
        age = func.extract("epoch", func.clock_timestamp() - func.min(oldest.c.created_at))
        with self._engine.begin() as connection:
            depth, seconds = connection.execute(sql_select(func.count(), age).select_from(oldest)).one()
        metrics.OUTBOX_DEPTH.set(depth)
        metrics.OUTBOX_OLDEST_SECONDS.set(max(0.0, float(seconds or 0.0)))

    def _relay_until_lost(self, link: Link, stop: Stop, nudges: socket.socket | None) -> None:
        while not stop.is_set():
            self.heartbeat.beat()
            moved = self.relay_once(link)
            self.measure()
            # Few, where commits are told: what came meanwhile has nudged, and the nudge waits to be read.
            if not moved or (nudges is not None and moved < self._window):
                _wait_for_nudge(nudges, stop, self.on_nudge)
                link.step(0)

    def _report(self, sent: Sent, seconds: float) -> None:
        for exchange, number in sent.exchanges.items():
            metrics.RELAY_PUBLISHED.labels(exchange).inc(number)
        metrics.RELAY_BATCH_SECONDS.observe(seconds)
        metrics.RELAY_BATCH_SIZE.observe(len(sent.confirmed) + len(sent.failed))
        for row, error in sent.failed:
            metrics.RELAY_FAILED.labels(error.split()[0]).inc()
            _log.error(
                "message kept in the outbox",
                message_id=row.message_id,
                exchange=row.exchange,
                routing_key=row.routing_key,
                attempts=row.attempts + 1,
                error=error,
            )

    def _set_connected(self, *, connected: bool) -> None:
        self.connected = connected
        metrics.RELAY_CONNECTED.set(connected)


def _refused_exchange(link: Link) -> str | None:
    """The exchange for which the broker closed the channel: without blaming its rows they would block all others."""
    found = _EXCHANGE_IN_REPLY.search(link.lost.text) if isinstance(link.lost, BrokerRefused) else None
    return found[1] if found else None


class _NudgeSocket:
    """The UDP socket on which the service says that it committed; None when no port is given."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def __enter__(self) -> socket.socket | None:
        if self._port:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.bind(("127.0.0.1", self._port))
        return self._socket

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()


def _wait_for_nudge(nudges: socket.socket | None, stop: Stop, on_nudge: Callable[[bytes], None]) -> None:
    if nudges is None:
        stop.wait(POLL_SECONDS)
        return
    readable, _, _ = select.select([nudges], [], [], POLL_SECONDS)
    receive: Callable[[int], bytes] = nudges.recv
    while readable:
        try:
            on_nudge(receive(16))
        except BlockingIOError:
            return


def _outbox_only(_payload: bytes) -> None:
    """Every nudge makes the relay look; nobody else listens unless the sidecar says so."""


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
