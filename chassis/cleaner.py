"""Deleting what has served its time, in small statements that hold no lock for long."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Table, column, delete, func, select
from sqlalchemy.exc import DBAPIError

from chassis import inbox, metrics
from chassis.connections import AS_STATISTICS_SAY
from chassis.database import ChassisTables
from chassis.logs import get_logger

IDEMPOTENCY_KEPT = timedelta(days=30)
"""How long the same key gives the same answer."""
_ROWS_AT_ONCE = 1_000
_log = get_logger()


@dataclass(frozen=True)
class Cleaner:
    """Deletes rows of ``table`` whose ``aged_by`` is older than ``kept``; looks every ``every_seconds``."""

    engine: Engine
    table: Table
    aged_by: str
    kept: timedelta
    every_seconds: float = 300.0

    def run(self, stop: threading.Event) -> None:
        """Clean until ``stop``; an outage of the database only postpones it."""
        # Replicas start together: spread out, so that they do not delete the same rows at the same moment.
        while not stop.wait(self.every_seconds * random.uniform(0.5, 1.0)):  # noqa: S311 (jitter, not a secret)
            try:
                while self.clean_once() == _ROWS_AT_ONCE and not stop.is_set():
                    continue
            except DBAPIError as error:
                _log.warning("cleaning postponed", table=self.table.name, error=type(error).__name__)

    def clean_once(self) -> int:
        """Delete at most a thousand rows that are old enough; how many it was."""
        # A row's place in the table: the old rows are found and deleted without the index of a composite key.
        place: Any = column("ctid")
        limit = func.clock_timestamp() - self.kept
        old = (
            select(place)
            .select_from(self.table)
            .where(self.table.c[self.aged_by] < select(limit).scalar_subquery())
            .limit(_ROWS_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        with self.engine.begin() as connection:
            connection.exec_driver_sql(AS_STATISTICS_SAY)
            gone = connection.execute(delete(self.table).where(place.in_(old))).rowcount
        metrics.CLEANED.labels(self.table.name).inc(gone)
        return gone


def chassis_cleaners(engine: Engine, tables: ChassisTables) -> list[Cleaner]:
    """The cleaners of the tables that every service has."""
    return [
        Cleaner(engine, tables.inbox, "received_at", inbox.KEPT),
        Cleaner(engine, tables.idempotency, "recorded_at", IDEMPOTENCY_KEPT),
    ]
