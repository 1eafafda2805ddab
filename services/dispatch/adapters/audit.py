"""Proves that no timeline was edited: every chain recomputed, every row held against what was hashed."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Engine, text

from chassis.hash_chain import verify

# Outer join both ways: an incident whose whole timeline is gone, and a timeline whose incident is.
_ROWS = """
SELECT coalesce(i.incident_id, t.incident_id)::text, i.version, i.chain_head,
       t.seq, t.type, t.occurred_at, t.recorded_at, t.by, t.body, t.hash
FROM incident i FULL JOIN timeline t USING (incident_id)
WHERE CAST(:incident AS uuid) IS NULL OR coalesce(i.incident_id, t.incident_id) = CAST(:incident AS uuid)
ORDER BY 1, t.seq
"""
_PAGE = 2000
# A count that runs as long as the county's history; it holds no locks and writes nothing.
_STATEMENT_TIMEOUT = "SET LOCAL statement_timeout = 0"
_IDLE_TIMEOUT = "SET LOCAL idle_in_transaction_session_timeout = 0"


@dataclass(frozen=True, slots=True)
class BrokenChain:
    """The first place where a timeline does not hold.

    `reason`: missing, order, hash, head (of chassis.hash_chain), columns, count, orphan.
    """

    incident_id: str
    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was verified, and what did not hold (at most `LISTED` incidents, in order of their ids)."""

    incidents: int
    entries: int
    broken: tuple[BrokenChain, ...]
    broken_count: int

    @property
    def holds(self) -> bool:
        return self.broken_count == 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"holds": self.holds, **asdict(self)}


LISTED = 100


def verify_timelines(engine: Engine, incident: UUID | None = None) -> AuditReport:
    """Stream every timeline (or one) in a snapshot of the database and verify it."""
    incidents = entries = 0
    broken: list[BrokenChain] = []
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        for incident_id, rows in groupby(_stream(connection, incident), key=itemgetter(0)):
            group = list(rows)
            incidents += 1
            entries += sum(row[3] is not None for row in group)
            fault = _fault(incident_id, group)
            if fault is not None:
                broken.append(fault)
    return AuditReport(incidents, entries, tuple(broken[:LISTED]), len(broken))


def _stream(connection: Connection, incident: UUID | None) -> Iterator[Any]:
    connection.execute(text(_STATEMENT_TIMEOUT))
    connection.execute(text(_IDLE_TIMEOUT))
    wanted = {"incident": None if incident is None else str(incident)}
    yield from connection.execution_options(yield_per=_PAGE).execute(text(_ROWS), wanted)


def _fault(incident_id: str, rows: list[Any]) -> BrokenChain | None:
    version, head = rows[0][1], rows[0][2]
    if version is None:
        return BrokenChain(incident_id, rows[0][3], "orphan")
    entries = [row for row in rows if row[3] is not None]
    broken = verify(((row[3], row[8].encode(), row[9]) for row in entries), bytes(head))
    lying = next((row[3] for row in entries if not _says_what_was_hashed(row)), None)
    if lying is not None and (broken is None or lying < broken.seq):
        return BrokenChain(incident_id, lying, "columns")
    if broken is not None:
        return BrokenChain(incident_id, broken.seq, broken.reason)
    if len(entries) != version:
        return BrokenChain(incident_id, len(entries) + 1, "count")
    return None


def _says_what_was_hashed(row: Any) -> bool:
    """The hash covers the body; the columns beside it are for searching and must say the same."""
    incident_id, _, _, seq, type_, occurred_at, recorded_at, by, body, _ = row
    try:
        said = orjson.loads(body)
        times = datetime.fromisoformat(said["occurred_at"]), datetime.fromisoformat(said["recorded_at"])
        same = (said["incident_id"], said["seq"], said["type"], said["by"]) == (incident_id, seq, type_, by)
    except (ValueError, KeyError, TypeError):
        return False
    return same and times == (occurred_at, recorded_at)
