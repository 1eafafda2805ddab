"""What the machine itself allows: the time of a bare one-row insert and its commit, taken all the while."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import Self

import psycopg2

EVERY_SECONDS = 0.01


class Commits:
    """Commits beside a measurement, within a `with` block; nothing that fires can be sure to be faster than these."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._taken: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._commit, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def percentile(self, part: float) -> float:
        """Milliseconds."""
        taken = sorted(self._taken)
        return 1000 * taken[min(len(taken) - 1, int(len(taken) * part))]

    def _commit(self) -> None:
        with closing(psycopg2.connect(self._url)) as database, database.cursor() as cursor:
            database.autocommit = True
            cursor.execute("CREATE TABLE IF NOT EXISTS commits (number int)")
            while not self._over.wait(EVERY_SECONDS):
                begin = time.perf_counter()
                cursor.execute("INSERT INTO commits VALUES (1)")
                self._taken.append(time.perf_counter() - begin)
