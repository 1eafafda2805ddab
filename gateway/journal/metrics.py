"""What the journal counts. Alert on the oldest age (nothing delivers) and on failed writes (nothing is kept)."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

WAITING = Gauge("wangge_gateway_journal_waiting_calls", "Taken calls that are not delivered yet")
OLDEST_SECONDS = Gauge("wangge_gateway_journal_oldest_age_seconds", "How long the oldest of them has waited")
BYTES = Gauge("wangge_gateway_journal_size_bytes", "Files of the journal")
TAKEN = Counter("wangge_gateway_journal_taken_total", "Calls answered 202: taken, to be delivered")
DELIVERED = Counter("wangge_gateway_journal_delivered_total", "Calls delivered that had waited")
REFUSED = Counter(
    "wangge_gateway_journal_refused_total", "Calls that had waited and were refused by dispatch", ("code",)
)
POSTPONED = Counter("wangge_gateway_journal_postponed_total", "Deliveries that failed by a defect and are tried later")
TURNED_AWAY = Counter(
    "wangge_gateway_journal_turned_away_total", "Calls not taken: the journal is full or cannot write"
)
WRITE_FAILED = Counter("wangge_gateway_journal_write_failed_total", "Writes that the disk refused")
UNREADABLE_BYTES = Counter(
    "wangge_gateway_journal_unreadable_bytes_total",
    "Bytes found at start that no record claims: a torn tail, or damage",
)
