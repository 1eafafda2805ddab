"""Fit the parameters of a synthetic day to a real calls-for-service file.

Method, so that anyone can repeat it (`wangge county fit FILE`):

* arrivals: share of calls by hour of day, smoothed by a circular [1, 2, 1] kernel, and the mean number of calls a day;
* what is called: share of each (call type, priority) pair, and for each call type the shares of the unit mixes sent;
* intervals, in seconds: the share of exact zeros, then for the rest the best of log-normal, gamma and Weibull
  by maximum likelihood (location fixed at 0, chosen by the Kolmogorov-Smirnov distance, kept beside the parameters);
* stamps that are missing: the share of unit rows without each stamp;
* places: a histogram of 24 x 24 cells over the file's bounding box, so that it can be laid over any other box.

No call, address or unit of the file is kept: only shares and parameters.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cli.replay.calls import Call, Response, read_calls

CELLS = 24
CALL_INTERVALS = ("push", "assign")
UNIT_INTERVALS = ("stagger", "turnout", "travel", "scene", "stand_down")
GROUPS = ("medical", "fire", "other")


def group_of(call_type: str) -> str:
    """The interval group of a call type: `medical`, `fire` or `other` (scene times differ most between these)."""
    if call_type == "Medical Incident":
        return "medical"
    return "fire" if call_type in ("Structure Fire", "Alarms", "Outside Fire", "Vehicle Fire") else "other"


def fit_file(path: Path) -> dict[str, Any]:
    """The parameters of `path`; raises InvalidCallsError when the file has not the documented shape."""
    calls = read_calls(path)
    return {
        "fitted_to": {"calls": len(calls), "unit_rows": sum(len(call.responses) for call in calls)},
        "calls_per_day": _calls_per_day(calls),
        "hours": _hours(calls),
        "kinds": _shares((call.call_type, call.priority) for call in calls),
        "mixes": _mixes(calls),
        "fleet": _fleet(calls),
        "missing": _missing(calls),
        "intervals": _intervals(calls),
        "places": _places(calls),
    }


def _calls_per_day(calls: Sequence[Call]) -> float:
    days = {call.received.date() for call in calls}
    return round(len(calls) / max(1, len(days)), 1)


def _hours(calls: Sequence[Call]) -> list[float]:
    counts = np.bincount([call.received.hour for call in calls], minlength=24).astype(float)
    smooth = (np.roll(counts, 1) + 2 * counts + np.roll(counts, -1)) / 4
    return [round(float(share), 5) for share in smooth / smooth.sum()]


def _shares(keys: Iterable[tuple[str, ...]]) -> list[list[Any]]:
    counts = collections.Counter(keys)
    total = sum(counts.values())
    return [
        [*key, round(count / total, 6)] for key, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _mixes(calls: Sequence[Call]) -> dict[str, list[list[Any]]]:
    by_type: dict[str, list[tuple[str, ...]]] = collections.defaultdict(list)
    for call in calls:
        by_type[call.call_type].append(("+".join(sorted(response.unit_type for response in call.responses)),))
    return {name: _shares(mixes)[:12] for name, mixes in sorted(by_type.items())}


def _fleet(calls: Sequence[Call]) -> dict[str, int]:
    units = {(response.unit_type, response.unit) for call in calls for response in call.responses}
    return dict(sorted(collections.Counter(kind for kind, _ in units).items()))


def _missing(calls: Sequence[Call]) -> dict[str, float]:
    rows = [response for call in calls for response in call.responses]
    names = ("en_route", "on_scene", "cleared")
    return {name: round(sum(getattr(row, name) is None for row in rows) / len(rows), 5) for name in names}


def _intervals(calls: Sequence[Call]) -> dict[str, dict[str, Any]]:
    found: dict[tuple[str, str], list[float]] = collections.defaultdict(list)
    for call in calls:
        group = group_of(call.call_type)
        if call.pushed and call.received:
            found["push", group].append((call.pushed - call.received).total_seconds())
        if call.pushed and call.first_assigned:
            found["assign", group].append((call.first_assigned - call.pushed).total_seconds())
        for response in call.responses:
            for name, seconds in _unit_intervals(call, response).items():
                found[name, group].append(seconds)
    return {
        name: {group: _fit([value for value in found[name, group] if value >= 0]) for group in GROUPS}
        for name in (*CALL_INTERVALS, *UNIT_INTERVALS)
    }


def _unit_intervals(call: Call, response: Response) -> Mapping[str, float]:
    """Seconds of one unit: behind the first one sent, to wheels rolling, to the scene, on it, or until stood down."""
    first = call.first_assigned
    pairs = {
        "stagger": (first, response.assigned if response.assigned != first else None),
        "turnout": (response.assigned, response.en_route),
        "travel": (response.en_route, response.on_scene),
        "scene": (response.on_scene, response.cleared),
        "stand_down": (response.assigned, response.cleared if response.on_scene is None else None),
    }
    return {name: (end - start).total_seconds() for name, (start, end) in pairs.items() if start and end}


def _fit(values: Sequence[float]) -> dict[str, Any]:
    from scipy import stats

    data = np.asarray(values, dtype=float)
    positive = data[data > 0]
    best: dict[str, Any] = {}
    for name, family in (("lognormal", stats.lognorm), ("gamma", stats.gamma), ("weibull", stats.weibull_min)):
        shape, _, scale = family.fit(positive, floc=0)
        distance = float(stats.kstest(positive, family.name, args=(shape, 0, scale)).statistic)
        if not best or distance < best["ks"]:
            best = {
                "family": name,
                "shape": round(float(shape), 5),
                "scale": round(float(scale), 3),
                "ks": round(distance, 4),
            }
    return {
        **best,
        "zeros": round(float((data == 0).mean()), 5),
        "longest": float(np.quantile(data, 0.999).round(0)),
        "samples": len(data),
    }


def _places(calls: Sequence[Call]) -> list[list[float]]:
    points = np.array([call.location for call in calls if call.location])
    counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=CELLS)
    return [[round(float(share), 6) for share in row] for row in counts / counts.sum()]


def write_parameters(path: Path, parameters: Mapping[str, Any]) -> None:
    """Write the parameters as one JSON file, a key a line."""
    rows = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in parameters.items()]
    path.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
