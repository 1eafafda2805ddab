"""The 115 figures of a calls-for-service file, computed from the file alone: nothing of the product is imported."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

INTERVALS = {
    "push": ("Received DtTm", "Entry DtTm", 60),
    "assign": ("Entry DtTm", "Dispatch DtTm", 60),
    "arrive": ("Dispatch DtTm", "On Scene DtTm", 300),
    "total": ("Received DtTm", "On Scene DtTm", 420),
}
"""Start column, end column, target in seconds; of each column the call's earliest stamp counts."""


def figures(path: Path) -> dict[str, Any]:
    """Incidents and, for each interval, count, within, p50, p90 and p99 in seconds, 3 decimals."""
    calls: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            calls[row["Call Number"]].append(row)
    report: dict[str, Any] = {"incidents": len(calls)}
    for name, (start, end, target) in INTERVALS.items():
        spans = [_seconds(rows, start, end) for rows in calls.values()]
        report[name] = _figure(sorted(span for span in spans if span is not None), target)
    return report


def _figure(seconds: list[float], target: int) -> dict[str, Any]:
    shares = np.percentile(seconds, [50, 90, 99], method="linear") if seconds else (None,) * 3
    p50, p90, p99 = (None if share is None else round(float(share), 3) for share in shares)
    within = sum(second <= target for second in seconds)
    return {"count": len(seconds), "within": within, "p50": p50, "p90": p90, "p99": p99}


def _seconds(rows: Iterable[Mapping[str, str]], start: str, end: str) -> float | None:
    first, last = _earliest(rows, start), _earliest(rows, end)
    return None if first is None or last is None else (last - first).total_seconds()


def _earliest(rows: Iterable[Mapping[str, str]], column: str) -> datetime | None:
    stamps = [datetime.strptime(row[column], "%m/%d/%Y %I:%M:%S %p") for row in rows if row[column]]  # noqa: DTZ007
    return min(stamps, default=None)
