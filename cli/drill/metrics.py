"""What `wangge drill` measures; names end in their unit, labels are the steps, the four stages and the towns."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

STEPS = ("commit", "heard", "cancel")
SECONDS = Histogram(
    "wangge_drill_seconds",
    "Time of a drill incident: until its receipt was committed, until it was heard on the live stream, until cancelled",
    ["step"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
DONE = Counter("wangge_drill_done_total", "Drill incidents that went all the way")
FAILED = Counter("wangge_drill_failed_total", "Drill incidents that did not, by the step that failed", ["step"])
LAST_SUCCESS = Gauge("wangge_drill_last_success_timestamp_seconds", "When the last drill incident went all the way")
SLA_WITHIN = Gauge("wangge_sla_within_ratio", "Share within target over the last 24 hours", ["town", "stage"])
SLA_COUNT = Gauge("wangge_sla_judged_incidents", "Incidents judged over the last 24 hours", ["town", "stage"])
SLA_ASKED = Gauge("wangge_sla_asked_timestamp_seconds", "When the 115 report was last read")
