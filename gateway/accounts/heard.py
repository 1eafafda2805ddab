"""What was taken back, as this process knows it: told by NOTIFY at once, and asked for every second in case it was not.

While the database is away a process goes on with what it knows: access tokens end by themselves within minutes, and
dispatchers must not be signed out by a database that restarts. Before it has heard anything it takes none of its own.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any
from uuid import UUID

import psycopg2

from chassis.connections import arguments
from chassis.logs import get_logger
from gateway.accounts.revoking import CHANNEL, KEEP
from gateway.metrics import REVOCATIONS_AGE
from gateway.security.standing import Standing

POLL_SECONDS = 1.0
RETRY_SECONDS = 0.5
Row = tuple[int, str, int | None]
log = get_logger()


class Heard:
    """The memory; used by the event loop alone."""

    def __init__(self) -> None:
        self.generation = 0
        self.ready = False
        self._versions: dict[UUID, int] = {}
        self._ended: dict[UUID, float] = {}

    def stands(self, standing: Standing) -> bool:
        """Whether nothing that the standing rests on was taken back."""
        if not standing.own:
            return True
        least = self._versions.get(UUID(standing.actor.subject), 0)
        return standing.version >= least and standing.session not in self._ended

    def take(self, rows: Iterable[Row]) -> None:
        """Remember revocations, and forget those whose tokens have all ended."""
        now = time.monotonic()
        self.ready = True
        for _seq, subject, version in rows:
            self.generation += 1
            if version is None:
                self._ended[UUID(subject)] = now
            else:
                self._versions[UUID(subject)] = max(version, self._versions.get(UUID(subject), 0))
        while self._ended and now - next(iter(self._ended.values())) > KEEP.total_seconds():
            del self._ended[next(iter(self._ended))]


class Listener(threading.Thread):
    """Reads the table of revocations, from where it was, on a connection of its own; tells each batch to `told`."""

    def __init__(self, url: str, told: Callable[[list[Row]], None]) -> None:
        super().__init__(name="revocations", daemon=True)
        self._url = url
        self._told = told
        self._seq = 0
        self._heard_at = time.monotonic()
        self._stopping = threading.Event()
        REVOCATIONS_AGE.set_function(lambda: time.monotonic() - self._heard_at)

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except psycopg2.Error as error:
                log.warning("revocations not heard", error=type(error).__name__)
                self._stopping.wait(RETRY_SECONDS)

    def stop(self) -> None:
        """End within a poll."""
        self._stopping.set()

    def _follow(self) -> None:
        told: dict[str, Any] = arguments("gateway-revocations", {"statement_timeout": 3_000})
        with closing(psycopg2.connect(self._url, **{**told, "connection_factory": None})) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
            while not self._stopping.is_set():
                self._read(connection)
                select.select([connection], [], [], POLL_SECONDS)
                connection.poll()
                connection.notifies.clear()

    def _read(self, connection: psycopg2.extensions.connection) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT seq, subject::text, version FROM revocation WHERE seq > %s AND at > now() - %s ORDER BY seq",
                (self._seq, KEEP),
            )
            rows: list[Row] = cursor.fetchall()
        first = self._heard_at
        self._heard_at = time.monotonic()
        if rows or self._seq == 0 or self._heard_at - first > POLL_SECONDS:
            self._told(rows)
        self._seq = rows[-1][0] if rows else self._seq
