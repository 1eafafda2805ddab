"""The same load for job libraries: as many stored, as many due a second, one process, nobody killed."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass

import psycopg2

from tests.bench.bed import PEERS, Bed, end

LIBRARIES = ("procrastinate", "apscheduler")
DUE_SECONDS, PATIENCE_SECONDS, LONGEST_FILL_SECONDS = 5, 15, 90
FIRED_SQL = "CREATE TABLE fired (due_at timestamptz, fired_at timestamptz DEFAULT clock_timestamp())"
LATENESS_SQL = """
SELECT count(*), percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM fired_at - due_at) * 1000),
  count(*) / greatest(0.001, extract(epoch FROM max(fired_at) - min(fired_at))) FROM fired
"""


@dataclass(frozen=True)
class Beside:
    """Fired of those due within `DUE_SECONDS`, 15 s after; p99 of their lateness; firings a second."""

    fired: int
    due: int
    p99_ms: float
    rate: float


def beside(bed: Bed, library: str, armed: int, per_second: int) -> Beside:
    url = bed.database(library)
    due = per_second * DUE_SECONDS
    with closing(psycopg2.connect(url)) as database, database.cursor() as cursor:
        database.autocommit = True
        cursor.execute(FIRED_SQL)
        told = {"DATABASE_URL": url, "ARMED": str(armed), "RATE": str(per_second), "DUE": str(due)}
        child = bed.start(PEERS, ["-m", f"tests.bench.peers.{library}_jobs"], told, name=library)
        until, begun = time.monotonic() + LONGEST_FILL_SECONDS, False
        while time.monotonic() < until:
            assert child.poll() is None, f"{library} ended; see .run/bench/logs"
            cursor.execute("SELECT count(*) FROM fired")
            fired = cursor.fetchone()[0]
            if fired and not begun:
                begun, until = True, time.monotonic() + DUE_SECONDS + PATIENCE_SECONDS
            if fired == due:
                break
            time.sleep(0.2)
        cursor.execute(LATENESS_SQL)
        fired, p99, rate = cursor.fetchone()
        end(child)
    return Beside(fired, due, float(p99 or 0), float(rate or 0))
