"""The 115 report by town as gauges: what alerts and dashboards know of the promise itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from cli.drill import metrics
from cli.stages import STAGES

SPAN = timedelta(hours=24)


def read_compliance(client: httpx.Client) -> None:
    """Set the gauges from the report of the last 24 hours. Raises httpx.HTTPError; gauges then keep what they had."""
    since = (datetime.now(UTC) - SPAN).isoformat().replace("+00:00", "Z")
    report = client.get("/v1/sla/report", params={"from": since, "by": "town"}).raise_for_status().json()
    metrics.SLA_WITHIN.clear()
    metrics.SLA_COUNT.clear()
    for group in report["groups"]:
        for stage in STAGES:
            _show(group["key"], stage, group[stage])
    metrics.SLA_ASKED.set_to_current_time()


def _show(town: str, stage: str, interval: dict[str, Any]) -> None:
    metrics.SLA_COUNT.labels(town, stage).set(interval["count"])
    if interval["count"]:
        metrics.SLA_WITHIN.labels(town, stage).set(interval["within"] / interval["count"])
