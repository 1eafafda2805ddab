"""The deadline table's statements: arm and disarm, what is due soon, the claim, the rank of a replica.

``due_at <= clock_timestamp()`` alone is volatile and reads the whole index (measured with a million armed: 90 ms);
as a sub-select it is evaluated once and becomes an index range (0.7 ms).
"""

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Table
from sqlalchemy.engine import Connection

from chassis.clock import utc_now
from chassis.database import RELAY_PORT, after_commit
from chassis.outbox import nudge
from chassis.script import Executes, say

Key = tuple[str, str, int]
"""(subject, kind, generation): what names a deadline."""

SLOTS = 5
LOCAL_NUDGE = "wangge.deadline_nudge"
SIDECAR_NUDGE = b"deadline"
"""Datagram that asks the sidecar for ``DeadlineClock.rescan``: something is due before the next scan would see it."""
_SOON_SECONDS = 2.0
_COUNTED_EXACTLY = 10_000


@dataclass(frozen=True, slots=True)
class Deadline:
    """An armed clock: ``subject`` (the aggregate's UUID as text) must have done ``kind`` before ``due_at``.

    ``generation`` tells the runs of one clock apart.
    """

    subject: str
    kind: str
    generation: int
    due_at: datetime

    @property
    def key(self) -> Key:
        return (self.subject, self.kind, self.generation)


def arm(connection: Executes, table: Table, rows: Sequence[Deadline]) -> None:
    """Arms deadlines in this transaction; one that is armed already moves to its new ``due_at``.

    One that is due before the clock's next scan wakes the clock after the commit.
    """
    if not rows:
        return
    last = {row.key: row for row in rows}
    ordered = [last[key] for key in sorted(last)]
    say(
        connection,
        f"INSERT INTO {table.fullname} (subject, kind, generation, due_at)"
        " SELECT * FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::timestamptz[])"
        " ON CONFLICT (subject, kind, generation) DO UPDATE SET due_at = EXCLUDED.due_at",
        (
            [row.subject for row in ordered],
            [row.kind for row in ordered],
            [row.generation for row in ordered],
            [row.due_at for row in ordered],
        ),
    )
    soonest = min(row.due_at for row in ordered)
    if local := connection.info.get(LOCAL_NUDGE):
        after_commit(connection, f"deadline {soonest}", partial(local, soonest))
    elif (port := connection.info.get(RELAY_PORT)) and soonest - utc_now() < timedelta(seconds=_SOON_SECONDS):
        after_commit(connection, "deadline", partial(nudge, port, SIDECAR_NUDGE))


def disarm(connection: Executes, table: Table, rows: Sequence[Key]) -> None:
    """Disarms deadlines by (subject, kind, generation) in this transaction."""
    if not rows:
        return
    subjects, kinds, generations = zip(*sorted(set(rows)), strict=True)
    say(
        connection,
        f"DELETE FROM {table.fullname} d"
        " USING unnest(%s::uuid[], %s::text[], %s::int[]) AS gone(subject, kind, generation)"
        " WHERE d.subject = gone.subject AND d.kind = gone.kind AND d.generation = gone.generation",
        (list(subjects), list(kinds), list(generations)),
    )


class DeadlineTable:
    """Statements over one service's deadline table, joined to its subject's row where one is named."""

    def __init__(self, table: Table, subject_table: Table | None = None, subject_column: str = "id") -> None:
        self._table = table.fullname
        if subject_table is None:
            source, locked = f"{self._table} d", "d"
        else:
            # Subject before deadline, as every command locks them: the other way round they could wait in a circle.
            source = f"{self._table} d JOIN {subject_table.fullname} s ON s.{subject_column} = d.subject"
            locked = "s, d"
        self._source = source
        self._claim = (
            f"WITH due AS MATERIALIZED (SELECT d.subject, d.kind, d.generation FROM {source} WHERE {{which}}"
            f" ORDER BY d.due_at LIMIT %s FOR UPDATE OF {locked} SKIP LOCKED)"
            f" DELETE FROM {self._table} d USING due WHERE d.subject = due.subject AND d.kind = due.kind"
            " AND d.generation = due.generation RETURNING d.subject::text, d.kind, d.generation, d.due_at"
        )

    def claim(self, connection: Connection, limit: int, leave: Collection[Key] = ()) -> list[Deadline]:
        """Takes up to ``limit`` due rows out of the table, the longest due first; rows locked elsewhere are passed by.

        They are back if the transaction rolls back, also when the process dies in it.
        """
        which, parameters = self._due_except(leave)
        rows = connection.exec_driver_sql(self._claim.format(which=which), (*parameters, limit))
        return sorted((Deadline(*row) for row in rows), key=lambda deadline: (deadline.due_at, deadline.key))

    def claim_one(self, connection: Connection, key: Key) -> Deadline | None:
        """Takes one named row out, if it is still due and nobody holds it."""
        which = (
            "d.due_at <= (SELECT clock_timestamp())"
            " AND (d.subject, d.kind, d.generation) = (%s::uuid, %s::text, %s::int)"
        )
        row = connection.exec_driver_sql(self._claim.format(which=which), (*key, 1)).first()
        return None if row is None else Deadline(*row)

    def next_due(self, connection: Connection, leave: Collection[Key] = ()) -> tuple[datetime, datetime] | None:
        """The earliest deadline that is due or will be within a second, and the database's time; None without one."""
        which, parameters = self._due_except(leave, ahead="interval '1 second'")
        row = connection.exec_driver_sql(
            f"SELECT d.due_at, clock_timestamp() FROM {self._source} WHERE {which} ORDER BY d.due_at LIMIT 1",
            tuple(parameters),
        ).first()
        return None if row is None else (row[0], row[1])

    def soon(self, connection: Connection, seconds: float, limit: int) -> list[float]:
        """When the deadlines of the next ``seconds`` are due, as seconds since 1970, the earliest first; overdue ones
        included.
        """
        rows = connection.exec_driver_sql(
            f"SELECT extract(epoch FROM due_at)::float8 FROM {self._table}"
            " WHERE due_at <= (SELECT clock_timestamp()) + %s * interval '1 second' ORDER BY due_at LIMIT %s",
            (seconds, limit),
        )
        return [due for (due,) in rows]

    def armed(self, connection: Connection) -> int:
        """How many deadlines are armed: exact up to ten thousand, the planner's estimate above (a count would wait)."""
        counted = connection.exec_driver_sql(
            f"SELECT count(*) FROM (SELECT 1 FROM {self._table} LIMIT {_COUNTED_EXACTLY + 1}) AS counted"
        ).scalar_one()
        if counted <= _COUNTED_EXACTLY:
            return int(counted)
        estimate = connection.exec_driver_sql(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", (self._table,)
        ).scalar_one()
        return max(int(estimate), int(counted))

    def take_slot(self, connection: Connection, held: int | None) -> int | None:
        """The lowest free rank slot below ``held``, locked for this session; else ``held`` as it is.

        A dead replica's slot is free as soon as the server has noticed its session's end.
        """
        for slot in range(SLOTS if held is None else held):
            if connection.exec_driver_sql("SELECT pg_try_advisory_lock(%s, %s)", (self._lock_class, slot)).scalar_one():
                if held is not None:
                    connection.exec_driver_sql("SELECT pg_advisory_unlock(%s, %s)", (self._lock_class, held))
                return slot
        return held

    @property
    def _lock_class(self) -> int:
        unsigned = zlib.crc32(f"wangge.deadline.{self._table}".encode())
        return unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned

    @staticmethod
    def _due_except(leave: Collection[Key], ahead: str | None = None) -> tuple[str, Sequence[object]]:
        which = "d.due_at <= (SELECT clock_timestamp())" + (f" + {ahead}" if ahead else "")
        if not leave:
            return which, ()
        subjects, kinds, generations = zip(*leave, strict=True)
        which += (
            " AND (d.subject, d.kind, d.generation) NOT IN (SELECT * FROM unnest(%s::uuid[], %s::text[], %s::int[]))"
        )
        return which, (list(subjects), list(kinds), list(generations))
