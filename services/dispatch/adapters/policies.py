"""SLA policies in memory: versions are only ever added, so a copy goes stale but never wrong."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from chassis.database import database_now
from services.dispatch.adapters import bulk
from services.dispatch.domain.policy import PolicyBook, SlaPolicy

_ALL = "SELECT policy_id, version, valid_from, rules FROM sla_policy"
# A policy that takes effect now is chosen at most this much later.
KEPT_SECONDS = 1.0


@dataclass
class PolicyCache:
    """One per process."""

    _book: PolicyBook | None = None
    _read_at: float = float("-inf")

    def current(self, connection: Connection) -> PolicyBook:
        """Every version of every policy, at most `KEPT_SECONDS` old."""
        if self._book is None or time.monotonic() - self._read_at > KEPT_SECONDS:
            rows = bulk.select(connection, _ALL)
            self._book = PolicyBook(SlaPolicy.from_rules(*row) for row in rows)
            self._read_at = time.monotonic()
        return self._book


class PolicyRows:
    """The versions of policies in the table; two writers wait for each other."""

    def __init__(self, connection: Connection) -> None:
        connection.exec_driver_sql("LOCK TABLE sla_policy IN SHARE ROW EXCLUSIVE MODE")
        self._connection = connection
        self.now: datetime = database_now(connection)

    def newest(self, policy_id: str) -> tuple[int, Mapping[str, Any]] | None:
        """Version and rules of the newest version."""
        statement = "SELECT version, rules FROM sla_policy WHERE policy_id = %(id)s ORDER BY version DESC LIMIT 1"
        rows = bulk.select(self._connection, statement, {"id": policy_id})
        return (rows[0][0], rows[0][1]) if rows else None

    def add(self, policy: SlaPolicy, rules: Mapping[str, Any]) -> None:
        """Add one version."""
        self._connection.exec_driver_sql(
            "INSERT INTO sla_policy (policy_id, version, valid_from, rules) VALUES (%s, %s, %s, %s::jsonb)",
            (policy.id, policy.version, policy.valid_from, orjson.dumps(rules).decode()),
        )
