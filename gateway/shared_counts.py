"""Counts of the rates that all gateways of a county share: each counts in its memory, and tells the others.

Twice a second a gateway writes what it counted into the database (UNLOGGED: half a second of hits is nothing to mend
after a crash) and reads what the others did. No call waits for that. While the database is away each gateway goes on
with its own count and what it had heard; when it returns, the counts are shared again. A gateway writes its own rows
only, with its totals: a round that is done twice counts nothing twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import psycopg2
from limits.aio.storage import MemoryStorage

from chassis.connections import arguments
from chassis.ids import uuid7
from chassis.logs import get_logger
from gateway.accounts.sealing import Sealing
from gateway.metrics import RATES_AGE

PAUSE_SECONDS = 0.5
STATEMENT_MS = 400
CLEAN_SECONDS = 60.0
_NAMES = 20_000
# A row is read again for half a second: `at` is older than the commit that shows it, by a statement's time at most.
_OVERLAP = "interval '0.5 seconds'"
_WRITE = """
    INSERT INTO rate_count (gateway, bucket, hits, until, at)
    SELECT %s, bucket, hits, clock_timestamp() + seconds * interval '1 second', clock_timestamp()
    FROM unnest(%s::bytea[], %s::int[], %s::float8[]) AS counted (bucket, hits, seconds)
    ON CONFLICT (gateway, bucket) DO UPDATE SET hits = excluded.hits, at = excluded.at
"""
_READ = """
    SELECT gateway::text, bucket, hits, extract(epoch FROM until - clock_timestamp())::float8 FROM rate_count
    WHERE at > %s AND gateway <> %s AND until > clock_timestamp()
"""
_CLEAN = """
    DELETE FROM rate_count WHERE (gateway, bucket) IN (
        SELECT gateway, bucket FROM rate_count WHERE until < clock_timestamp() LIMIT 5000 FOR UPDATE SKIP LOCKED
    )
"""
log = get_logger()


class Counted(NamedTuple):
    """What one gateway counted in one window of one bucket, of which `seconds` are left to keep it."""

    bucket: bytes
    hits: int
    seconds: float


class SharedCounts(MemoryStorage):
    """The storage of `limits` in this process, with what other gateways counted added to what it is asked."""

    STORAGE_SCHEME = None

    def __init__(self, database_url: str, sealing: Sealing) -> None:
        super().__init__()
        self._table = Table(database_url)
        # Who calls, and from where, is not to be read in the database: only found by who knows it and has the key.
        self._name = functools.lru_cache(_NAMES)(functools.partial(sealing.keyed, "rates"))
        self._others: dict[bytes, dict[str, Counted]] = {}
        self._ends: dict[bytes, float] = {}
        self._changed: set[str] = set()
        self._shared_at = time.monotonic()
        self._is_away = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rates")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to share; returns at once."""
        RATES_AGE.set_function(lambda: time.monotonic() - self._shared_at)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Share no more. What this gateway counted stays until its windows end."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._thread.submit(self._table.close)
        self._thread.shutdown(wait=False)

    async def get(self, key: str) -> int:
        return await super().get(key) + self._heard(key)

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        own = await super().incr(key, expiry, amount)
        self._changed.add(key)
        return own + self._heard(key)

    async def decr(self, key: str, amount: int = 1) -> int:
        own = await super().decr(key, amount)
        self._changed.add(key)
        return own + self._heard(key)

    def _heard(self, key: str) -> int:
        if not self._others:
            return 0
        return sum(each.hits for each in self._others.get(self._name(key), {}).values())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            changed, self._changed = self._changed, set()
            try:
                rows = await loop.run_in_executor(self._thread, self._table.exchange, self._own(changed))
            except psycopg2.Error as error:
                self._changed |= changed
                self._away(error)
            else:
                self._back()
                self._take(rows)
            await asyncio.sleep(PAUSE_SECONDS)

    def _own(self, keys: set[str]) -> list[Counted]:
        now = time.time()
        return [
            Counted(self._name(key), self.storage[key], self.expirations[key] - now)
            for key in keys
            if self.expirations.get(key, 0.0) > now
        ]

    def _take(self, rows: Sequence[tuple[str, Counted]]) -> None:
        now = time.monotonic()
        for gateway, counted in rows:
            self._others.setdefault(counted.bucket, {})[gateway] = counted
            self._ends[counted.bucket] = now + counted.seconds
        for bucket in [bucket for bucket, ends in self._ends.items() if ends < now]:
            del self._ends[bucket], self._others[bucket]

    def _away(self, error: Exception) -> None:
        if not self._is_away:
            log.warning("rates are counted by this gateway alone", error=type(error).__name__)
        self._is_away = True

    def _back(self) -> None:
        if self._is_away:
            log.info("rates are counted together with the other gateways again")
        self._is_away = False
        self._shared_at = time.monotonic()


class Table:
    """The counts in the database, on a connection of one's own; used by one thread."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._me = str(uuid7())
        self._connection: psycopg2.extensions.connection | None = None
        self._since = "-infinity"
        self._cleaned_at = 0.0

    def exchange(self, own: Sequence[Counted]) -> list[tuple[str, Counted]]:
        """Write this gateway's counts; those of others that changed since the last time. Raises psycopg2.Error."""
        try:
            return self._exchange(own)
        except psycopg2.Error:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next exchange opens another and reads everything."""
        connection, self._connection, self._since = self._connection, None, "-infinity"
        if connection is not None:
            connection.close()

    def _exchange(self, own: Sequence[Counted]) -> list[tuple[str, Counted]]:
        if self._connection is None:
            self._connection = _connected(self._url)
        with self._connection.cursor() as cursor:
            if own:
                # In one order everywhere, so that cleaning and writing never wait for each other in a circle.
                cursor.execute(_WRITE, (self._me, *map(list, zip(*sorted(own), strict=True))))
            cursor.execute(f"SELECT (clock_timestamp() - {_OVERLAP})::text")
            ((since,),) = cursor.fetchall()
            cursor.execute(_READ, (self._since, self._me))
            rows = [(gateway, Counted(bytes(bucket), *rest)) for gateway, bucket, *rest in cursor.fetchall()]
            self._since = since
            if time.monotonic() - self._cleaned_at > CLEAN_SECONDS:
                self._cleaned_at = time.monotonic()
                cursor.execute(_CLEAN)
        return rows


def _connected(url: str) -> psycopg2.extensions.connection:
    session = {"statement_timeout": STATEMENT_MS, "synchronous_commit": "off"}
    told: dict[str, Any] = arguments("gateway-rates", session)
    connection = psycopg2.connect(url, **{**told, "connection_factory": None})
    connection.autocommit = True
    return connection
