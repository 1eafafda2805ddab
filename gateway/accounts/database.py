"""The gateway's database from an event loop: each piece of work is one transaction in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

from chassis.database import create_engine, in_transaction

T = TypeVar("T")
THREADS = 4
STATEMENT_MS = 3_000


class IdentityDatabase:
    """A few connections, each with its thread; work beyond that waits its turn."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = create_engine(
            url, name="gateway", pool_size=THREADS, statement_timeout_ms=STATEMENT_MS, lock_timeout_ms=STATEMENT_MS
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="identity")

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """`work(connection, *arguments)` in one transaction, committed when it returns.

        It may be run again after a clash. Raises what it raises, and Unavailable when the database is away.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.now, work, *arguments)

    def now(self, work: Callable[..., T], *arguments: Any) -> T:
        """The same in this thread."""

        def in_connection(connection: Connection) -> T:
            return work(connection, *arguments)

        return in_transaction(self._engine, in_connection)

    def stop(self) -> None:
        """Close the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()
