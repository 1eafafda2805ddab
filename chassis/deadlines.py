"""Deadlines: armed by a row, met by its removal, fired by whoever removes it when due.

*Row existence = armed.* The row goes in with the transaction that starts a clock and out with the one that meets it, so
a clock is neither forgotten nor fired for what has happened. Firing removes the row and writes the effect in one
transaction: exactly once, by the database, without a leader. The database's clock is the only judge.
"""

import heapq
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Table, exc
from sqlalchemy.engine import Connection, Engine

from chassis import metrics
from chassis.clock_offset import Offset
from chassis.database import CLASHES, database_now, forget_after_commit, run_after_commit, sqlstate_of
from chassis.deadline_table import LOCAL_NUDGE, SIDECAR_NUDGE, SLOTS, Deadline, DeadlineTable, Key, arm, disarm
from chassis.logs import get_logger

__all__ = ["SIDECAR_NUDGE", "Deadline", "DeadlineClock", "Fire", "StopSignal", "arm", "disarm"]

Fire = Callable[[Connection, list[Deadline]], None]

SCAN_SECONDS = 1.0
LOOK_AHEAD_SECONDS = 5.0
RANK_STEP_SECONDS = 0.005
BUSY_RETRY_SECONDS = 0.020
BATCH = 500
# What a scan reads delays what falls due meanwhile (measured with 5,000 rows: 15 to 35 ms, each second).
_SCAN_LIMIT = 500
_SHORTEST_SCAN_SECONDS = 0.05
_STANDBY_GAP_SECONDS = 0.005
_LONGEST_SLEEP_SECONDS = 0.25
_ARMED_EVERY_SECONDS = 10.0
_SHORTEST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0
# A frozen replica (SIGSTOP) must not hold deadlines: the server ends its session. A stuck handler must not hold others.
_WORK_LIMITS_SQL = (
    "SET idle_in_transaction_session_timeout = '1s'; SET lock_timeout = '1s'; SET statement_timeout = '5s'"
)
_ASIDE_SECONDS = 5.0

_log = get_logger()


class StopSignal(Protocol):
    """What ends a loop: threading.Event fits."""

    def is_set(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Session:
    """Two connections outside the pool: ``watch`` (autocommit; holds the rank) and ``work`` (claims and fires)."""

    watch: Connection
    work: Connection


class DeadlineClock:
    """One replica's clock. Any number of replicas may run; each deadline has its effect once.

    It rescans the next 5 s each second and sleeps on the monotonic clock; a replica of rank k (the k-th advisory-lock
    slot) wakes at due + 5·k ms, so rank 0 does the work and a dead one costs 5 ms.

    ``fire(connection, rows)`` runs in the transaction that removed the rows; what it raises rolls that back: the rows
    are tried one by one, and one that still fails is logged and set aside for 5 s while the others go on.
    ``subject_table``/``subject_column``: the aggregate's row is locked first (``FOR UPDATE … SKIP LOCKED``), as every
    command does; a busy one is tried again after 20 ms. Every subject must have its row there, else it never fires.
    """

    def __init__(
        self,
        engine: Engine,
        table: Table,
        fire: Fire,
        *,
        subject_table: Table | None = None,
        subject_column: str = "id",
        rank: int | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._table = DeadlineTable(table, subject_table, subject_column)
        self._fire = fire
        self._fixed_rank = rank
        self._beat = beat
        self._slot: int | None = None
        self._offset = Offset()
        self._due: list[float] = []  # heap, seconds of the database's clock, one entry a row
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._next_scan = 0.0
        self._next_count = 0.0
        self._not_before = 0.0
        self._aside: dict[Key, float] = {}
        self.connected = False

    @property
    def rank(self) -> int:
        """0 for the replica that fires; k for the k-th stand-by."""
        if self._fixed_rank is not None:
            return self._fixed_rank
        return SLOTS if self._slot is None else self._slot

    def nudge(self, due_at: datetime) -> None:
        """Tells this clock of a deadline that may be due before its next scan; from any thread."""
        self._expect(due_at.timestamp())
        self._wake.set()

    def rescan(self) -> None:
        """Looks at the table now; from any thread."""
        self._next_scan = 0.0
        self._wake.set()

    def run(self, stop: StopSignal) -> None:
        """Runs until ``stop`` is set. Losing the database only pauses it: it reconnects with back-off, for ever."""
        pause = _SHORTEST_PAUSE_SECONDS
        while not stop.is_set():
            began = time.monotonic()
            try:
                with self._open_session() as session:
                    while not stop.is_set():
                        self._turn(session, stop)
            except Exception as error:  # noqa: BLE001 (a clock that ends is an SLA nobody watches)
                if time.monotonic() - began > LOOK_AHEAD_SECONDS:
                    pause = _SHORTEST_PAUSE_SECONDS
                _log.warning("deadline clock lost its database", error=str(error), again_in_seconds=pause)
                stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    @contextmanager
    def _open_session(self) -> Iterator[_Session]:
        opened: list[Connection] = []
        try:
            watch = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            opened.append(watch)
            work = self._engine.connect()
            opened.append(work)
            for connection in opened:
                # Out of the pool: session locks and settings must not reach another user of the connection.
                connection.detach()
            with work.begin():
                work.exec_driver_sql(_WORK_LIMITS_SQL)
            work.info[LOCAL_NUDGE] = self.nudge
            self._next_scan = 0.0
            yield _Session(watch, work)
        finally:
            self.connected, self._slot = False, None
            metrics.DEADLINE_RANK.set(-1)
            for connection in opened:
                connection.close()

    def _turn(self, session: _Session, stop: StopSignal) -> None:
        """One round: scan if it is time, then sleep until something is due, or fire it."""
        self._beat()
        if time.monotonic() >= self._next_scan:
            self._scan(session)
        delay = self._until_due()
        if delay > 0:
            self._wake.wait(min(delay, _LONGEST_SLEEP_SECONDS))
            self._wake.clear()
        else:
            self._fire_due(session, stop)

    def _scan(self, session: _Session) -> None:
        before = time.monotonic()
        self._next_scan = before + SCAN_SECONDS
        now = database_now(session.watch)
        after = time.monotonic()
        self._offset.measured(now.timestamp() - (before + after) / 2, (after - before) / 2, after)
        metrics.DEADLINE_CLOCK_OFFSET.set(self._offset.seconds + before - time.time())
        self._take_rank(session)
        found = self._table.soon(session.watch, LOOK_AHEAD_SECONDS, _SCAN_LIMIT)
        with self._lock:
            self._due = found
        if len(found) == _SCAN_LIMIT:
            # More than fits: look again before the last of these is due.
            self._next_scan = min(
                self._next_scan, max(before + _SHORTEST_SCAN_SECONDS, found[-1] - self._offset.seconds)
            )
        if before >= self._next_count:
            self._next_count = before + _ARMED_EVERY_SECONDS
            metrics.DEADLINE_ARMED.set(self._table.armed(session.watch))
        self._aside = {key: until for key, until in self._aside.items() if until > before}
        self.connected = True

    def _take_rank(self, session: _Session) -> None:
        if self._fixed_rank is None:
            self._slot = self._table.take_slot(session.watch, self._slot)
        metrics.DEADLINE_RANK.set(self.rank)

    def _lag(self) -> float:
        return min(self.rank, SLOTS - 1) * RANK_STEP_SECONDS

    def _until_due(self) -> float:
        with self._lock:
            earliest = self._due[0] - self._offset.seconds + self._lag() if self._due else float("inf")
        wake = min(self._next_scan, max(earliest, self._not_before))
        return wake - time.monotonic()

    def _fire_due(self, session: _Session, stop: StopSignal) -> None:
        expected = self._take_due()
        if not expected:
            return
        if self.rank > 0:
            waiting = self._table.next_due(session.watch, self._aside)
            if waiting is None or waiting[0] > waiting[1]:
                # The usual case for a stand-by: already fired. Not one question per deadline.
                self._not_before = time.monotonic() + _STANDBY_GAP_SECONDS
                if waiting is not None:
                    self._expect(waiting[0].timestamp())
                return
        fired = claimed = self._claim_and_fire(session)
        while claimed == BATCH and not stop.is_set():
            claimed = self._claim_and_fire(session)
            fired += claimed
        if fired and self.rank > 0:
            # Whoever should have fired these is slow or gone: then its rank is free now, not at the next scan.
            self._take_rank(session)
        if fired < expected:
            self._look_again(session)

    def _take_due(self) -> int:
        now = time.monotonic() + self._offset.seconds - self._lag()
        taken = 0
        with self._lock:
            while self._due and self._due[0] <= now:
                heapq.heappop(self._due)
                taken += 1
        return taken

    def _look_again(self, session: _Session) -> None:
        """Fewer fired than expected: met meanwhile, fired by another, busy, or we woke a moment early."""
        waiting = self._table.next_due(session.watch, self._aside)
        if waiting is None:
            return
        due_at, now = waiting[0].timestamp(), waiting[1].timestamp()
        self._expect(now + BUSY_RETRY_SECONDS - self._lag() if due_at <= now else due_at)

    def _expect(self, due: float) -> None:
        with self._lock:
            heapq.heappush(self._due, due)

    def _claim_and_fire(self, session: _Session) -> int:
        rows: list[Deadline] = []
        try:
            forget_after_commit(session.work)
            with session.work.begin():
                rows = self._table.claim(session.work, BATCH, self._aside)
                if rows:
                    self._fire(session.work, rows)
        except Exception as error:
            if not rows or session.work.invalidated:
                raise
            _log.warning("deadlines of a batch failed together, now one by one", rows=len(rows), error=str(error))
            return sum(self._fire_one(session, row.key) for row in rows)
        run_after_commit(session.work)
        self._record(rows)
        return len(rows)

    def _fire_one(self, session: _Session, key: Key) -> int:
        try:
            forget_after_commit(session.work)
            with session.work.begin():
                row = self._table.claim_one(session.work, key)
                if row is None:
                    return 0
                self._fire(session.work, [row])
        except Exception as error:
            if session.work.invalidated:
                raise
            clash = isinstance(error, exc.DBAPIError) and sqlstate_of(error) in CLASHES
            self._aside[key] = time.monotonic() + (BUSY_RETRY_SECONDS if clash else _ASIDE_SECONDS)
            metrics.DEADLINE_FAILED.labels(key[1]).inc()
            _log.exception("deadline failed and stays armed", subject=key[0], kind=key[1], generation=key[2])
            return 0
        run_after_commit(session.work)
        self._record([row])
        return 1

    def _record(self, rows: Sequence[Deadline]) -> None:
        now = time.monotonic() + self._offset.seconds
        for row in rows:
            metrics.DEADLINE_LATENESS.observe(max(0.0, now - row.due_at.timestamp()))
            metrics.DEADLINE_FIRED.labels(row.kind).inc()
