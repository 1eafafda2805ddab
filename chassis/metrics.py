"""Every metric of the chassis, created once at import (a second container in a process must not register again).

Names start with ``wangge_`` and end in their unit. Labels are few and bounded: never an id, never a person.
"""

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# Fine around the promise of 100 ms, coarse beyond it: what matters there is which outage it was.
_LATENESS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 30, 300)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 350, 500)

# database
TRANSACTION_SECONDS = Histogram(
    "wangge_database_transaction_seconds", "Time from begin to commit or roll-back, each attempt", buckets=_FAST
)
TRANSACTION_RETRIES = Counter(
    "wangge_database_transaction_retries_total", "Transactions run again after a clash", ["sqlstate"]
)
DATABASE_UNAVAILABLE = Counter(
    "wangge_database_unavailable_total", "Transactions given up because the database was away"
)

# rights
DENIED = Counter("wangge_denied_total", "Requests denied, by who said no", ["said_by", "permission", "rule"])

# cleaning
CLEANED = Counter("wangge_cleaned_rows_total", "Rows deleted because they had served their time", ["table"])

# outbox and relay
OUTBOX_PUT = Counter("wangge_outbox_put_total", "Messages written to the outbox (some may be rolled back)")
OUTBOX_DEPTH = Gauge("wangge_outbox_depth_messages", "Messages waiting in the outbox")
OUTBOX_OLDEST_SECONDS = Gauge("wangge_outbox_oldest_age_seconds", "Age of the oldest message waiting in the outbox")
RELAY_PUBLISHED = Counter("wangge_relay_published_total", "Messages confirmed by the broker", ["exchange"])
RELAY_FAILED = Counter(
    "wangge_relay_failed_total", "Messages returned as unroutable or refused, kept for another try", ["reason"]
)
RELAY_BATCH_SECONDS = Histogram(
    "wangge_relay_batch_seconds", "Claim, publish, confirm and commit of a batch", buckets=_FAST
)
RELAY_BATCH_SIZE = Histogram("wangge_relay_batch_size_messages", "Messages in a relayed batch", buckets=_SIZES)
RELAY_SILENT_SECONDS = Gauge(
    "wangge_relay_silent_seconds", "For how long the broker, reachable and without an alarm, has confirmed nothing"
)
RELAY_CONNECTED = Gauge("wangge_relay_connected", "1 while the relay has its broker connection")

# events in
EVENTS_HANDLED = Counter(
    "wangge_events_handled_total", "Deliveries by outcome: done, retried, dead, requeued", ["handler", "outcome"]
)
EVENTS_DUPLICATE = Counter("wangge_events_duplicate_total", "Deliveries that the inbox had seen before", ["handler"])
EVENTS_BATCH_SECONDS = Histogram(
    "wangge_events_batch_seconds", "Handling of a batch up to its commit", ["handler"], buckets=_FAST
)
EVENTS_BATCH_SIZE = Histogram("wangge_events_batch_size_messages", "Deliveries in a batch", ["handler"], buckets=_SIZES)

# calls
RPC_SECONDS = Histogram(
    "wangge_rpc_seconds", "Calls answered, by method and outcome code", ["method", "outcome"], buckets=_FAST
)
RPC_IN_FLIGHT = Gauge("wangge_rpc_in_flight", "Calls being answered")
JOINED_CALLS = Histogram("wangge_joined_size_calls", "Calls done together in one transaction", buckets=_SIZES)
IDEMPOTENCY_REPLAYED = Counter("wangge_idempotency_replayed_total", "Commands answered from memory")

# deadlines
DEADLINE_LATENESS = Histogram(
    "wangge_deadline_lateness_seconds", "From due to committed, by the database's clock", buckets=_LATENESS
)
DEADLINE_FIRED = Counter("wangge_deadline_fired_total", "Deadlines fired by this replica", ["kind"])
DEADLINE_FAILED = Counter("wangge_deadline_failed_total", "Deadlines whose handler raised, kept armed", ["kind"])
DEADLINE_ARMED = Gauge("wangge_deadline_armed", "Deadlines armed (an estimate above ten thousand)")
DEADLINE_RANK = Gauge("wangge_deadline_rank", "Rank of this replica's clock; -1 while it has no database")
DEADLINE_CLOCK_OFFSET = Gauge("wangge_deadline_clock_offset_seconds", "The database's clock minus this machine's")

# the loop
HEARTBEAT_AGE = Gauge("wangge_heartbeat_age_seconds", "Time since the loop last came round, at the last look")
