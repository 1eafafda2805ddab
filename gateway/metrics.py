"""What the gateway counts; names end in their unit, labels are bounded sets (templates, never a path or an id)."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

HTTP_SECONDS = Histogram(
    "wangge_gateway_http_seconds",
    "Time from the first byte of a request to the end of its answer",
    ("method", "route", "status"),
    buckets=_LATENCY,
)
RPC_SECONDS = Histogram(
    "wangge_gateway_rpc_seconds",
    "Time of a call to a service, its repeats included",
    ("service", "method", "outcome"),
    buckets=_LATENCY,
)
COMMANDS_TOGETHER = Histogram(
    "wangge_gateway_together_size_calls", "Commands that travelled in one call", buckets=(1, 2, 5, 10, 25, 50, 100, 250)
)
RPC_IN_FLIGHT = Gauge("wangge_gateway_rpc_in_flight", "Calls waiting for their answer")
FEED_LINES = Counter("wangge_gateway_feed_lines_total", "Lines answered on /v1/feed", ("outcome",))
FEED_SPOOLED_BYTES = Gauge("wangge_gateway_feed_spooled_bytes", "Answers waiting on disk for clients that do not read")
STREAM_READERS = Gauge("wangge_gateway_stream_readers", "Open event streams")
STREAM_CATCHING_UP = Gauge("wangge_gateway_stream_catching_up", "Event streams that read from the broker, not the ring")
STREAM_NEWEST_OFFSET = Gauge("wangge_gateway_stream_newest_offset", "Offset of the newest event seen")
STREAM_UNHEARD = Counter(
    "wangge_gateway_stream_unheard_total", "Times the broker had events that it did not deliver, and was asked anew"
)
STREAM_CUT = Counter("wangge_gateway_stream_cut_total", "Event streams ended by the gateway", ("reason",))
STREAM_EVENTS = Counter("wangge_gateway_stream_events_total", "Events sent to readers")
EXPORT_ROWS = Counter("wangge_gateway_export_rows_total", "Incidents written into exports")
EXPORT_CUT = Counter("wangge_gateway_export_cut_total", "Exports ended before their end", ("reason",))
ISSUER_FETCHES = Counter(
    "wangge_gateway_issuer_fetches_total", "Times the keys of an issuer were asked for", ("issuer", "outcome")
)
ISSUER_KEYS = Gauge(
    "wangge_gateway_issuer_keys", "Usable keys of an issuer at the last fetch that succeeded", ("issuer",)
)
TOKENS = Counter(
    "wangge_gateway_tokens_total", "Bearer tokens that were looked at, those remembered left out", ("outcome",)
)
PASSWORD_SECONDS = Histogram(
    "wangge_gateway_password_seconds", "Time of one Argon2id, waiting for its turn included", buckets=_LATENCY
)
SIGN_INS = Counter("wangge_gateway_sign_ins_total", "Attempts to sign in or to renew a session", ("grant", "outcome"))
REVOCATIONS_AGE = Gauge("wangge_gateway_revocations_age_seconds", "Since this process last heard what was taken back")
RATES_AGE = Gauge(
    "wangge_gateway_rates_age_seconds", "Since this process last exchanged counts with the other gateways"
)
CONNECTION_REFUSED = Counter(
    "wangge_gateway_connection_refused_total", "Connections ended before they made a request", ("reason",)
)
DENIED = Counter(
    "wangge_gateway_denied_total", "Requests answered 401 or 403 by the gateway or a service", ("asked", "code")
)
DENIED_UNTOLD = Counter("wangge_gateway_denied_untold_total", "Denied requests that are in the log and on no record")
