"""SLA policies in memory: versions are only ever added, so a copy goes stale but never wrong."""

import time
from dataclasses import dataclass

from sqlalchemy import Connection

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
