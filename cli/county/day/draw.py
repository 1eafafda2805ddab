"""Draw a day of calls from the fitted parameters: arrivals, storms and bursts, who is sent, every interval."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from cli.county.day.fit import CELLS, group_of
from cli.county.day.fleet import Fleet
from cli.replay.calls import Call, Response

STORM_HOURS = 4
"""A storm is `load` times the mean for this long (peaks of 10 to 20 times the mean are on record for hours)."""
BURST_CALLERS = 300
"""In a storm one event is reported by this many callers within a minute; on an ordinary day by `SMALL_BURST`."""
SMALL_BURST = 8
SPREAD_DEGREES = 0.0009
"""Callers of one event stand within about a hundred metres of it."""


@dataclass(frozen=True, slots=True)
class Box:
    """A bounding box in degrees, WGS 84."""

    west: float
    south: float
    east: float
    north: float

    def at(self, across: float, up: float) -> tuple[float, float]:
        """`(latitude, longitude)` of a share of the box's width and height."""
        return self.south + up * (self.north - self.south), self.west + across * (self.east - self.west)


@cache
def parameters() -> Mapping[str, Any]:
    """The committed parameters; how they were fitted is told in `fit.py`."""
    loaded: Mapping[str, Any] = json.loads(Path(__file__).with_name("parameters.json").read_text(encoding="utf-8"))
    return loaded


def draw_day(day: date, *, seed: int, load: float, box: Box) -> list[Call]:
    """The calls of one day, ordered by reception; the same arguments give the same day.

    `load` above 1 adds a storm of that many times the mean.
    """
    chance = np.random.default_rng(np.random.SeedSequence([seed, day.toordinal(), round(load * 100)]))
    fleet = Fleet(parameters()["fleet"], box, chance)
    moments = _arrivals(chance, load)
    bursts = _bursts(chance, load)
    calls = [_Draw(chance, day, box, fleet).call(second) for second in moments]
    for start, callers in bursts:
        calls.extend(_one_event(_Draw(chance, day, box, fleet), start, callers))
    calls.sort(key=lambda call: call.received)
    return [replace(call, number=f"{day:%y%j}{index:05d}") for index, call in enumerate(calls, start=1)]


def _arrivals(chance: np.random.Generator, load: float) -> list[float]:
    """Seconds of the day at which somebody calls: Poisson by hour, with the storm on top."""
    shares, mean = parameters()["hours"], parameters()["calls_per_day"]
    rates = np.array(shares) * mean
    if load > 1:
        start = int(chance.integers(12, 24 - STORM_HOURS))
        rates[start : start + STORM_HOURS] += (load - 1) * mean / 24
    return sorted(
        hour * 3600 + float(offset)
        for hour, rate in enumerate(rates)
        for offset in chance.uniform(0, 3600, chance.poisson(rate))
    )


def _bursts(chance: np.random.Generator, load: float) -> Iterator[tuple[float, int]]:
    for _ in range(int(chance.poisson(3))):
        yield float(chance.uniform(6, 23)) * 3600, SMALL_BURST
    if load > 1:
        yield float(chance.uniform(12, 22)) * 3600, round(BURST_CALLERS * min(1.0, load / 20))


def _one_event(draw: _Draw, start: float, callers: int) -> Iterator[Call]:
    """Many callers about one event. The file shape knows a call only by a unit sent to it, so each repeat gets one."""
    first = draw.call(start)
    yield first
    lat, lon = first.location or draw.place()
    for _ in range(callers - 1):
        later = draw.call(start + float(draw.chance.uniform(0, 60)), kind=(first.call_type, first.priority))
        near = (lat + float(draw.chance.normal(0, SPREAD_DEGREES)), lon + float(draw.chance.normal(0, SPREAD_DEGREES)))
        yield replace(later, location=draw.inside(near), responses=later.responses[:1])


class _Draw:
    """Draws single calls of one day."""

    def __init__(self, chance: np.random.Generator, day: date, box: Box, fleet: Fleet) -> None:
        self.chance, self.box, self.fleet = chance, box, fleet
        self.midnight = datetime.combine(day, time())
        kinds = parameters()["kinds"]
        self._kinds = [(name, priority) for name, priority, _ in kinds]
        self._kind_shares = _normal([share for *_, share in kinds])
        self._cells = _normal([share for row in parameters()["places"] for share in row])

    def call(self, second: float, kind: tuple[str, str] | None = None) -> Call:
        call_type, priority = kind or self._kinds[int(self.chance.choice(len(self._kinds), p=self._kind_shares))]
        received = self.midnight + timedelta(seconds=int(min(second, 86399)))
        group = group_of(call_type)
        pushed = received + self._seconds("push", group)
        place = self.place()
        responses = self._responses(call_type, group, pushed + self._seconds("assign", group), place)
        return Call("", call_type, priority, 1, "Other", received, pushed, place, responses)

    def place(self) -> tuple[float, float]:
        cell = int(self.chance.choice(CELLS * CELLS, p=self._cells))
        up, across = divmod(cell, CELLS)
        return self.box.at((across + self.chance.uniform()) / CELLS, (up + self.chance.uniform()) / CELLS)

    def inside(self, point: tuple[float, float]) -> tuple[float, float]:
        lat = min(max(point[0], self.box.south), self.box.north)
        return lat, min(max(point[1], self.box.west), self.box.east)

    def _responses(self, call_type: str, group: str, first: datetime, place: tuple[float, float]) -> list[Response]:
        mixes = parameters()["mixes"][call_type]
        mix = mixes[int(self.chance.choice(len(mixes), p=_normal([share for _, share in mixes])))][0]
        sent = []
        for number, unit_type in enumerate(mix.split("+")):
            late = number > 0 and self.chance.uniform() < 0.2
            assigned = first + (self._seconds("stagger", group) if late else timedelta())
            response = self._response(unit_type, group, assigned)
            unit = self.fleet.take(unit_type, place, assigned, response.cleared or assigned + timedelta(hours=1))
            sent.append(replace(response, unit=unit))
        return sent

    def _response(self, unit_type: str, group: str, assigned: datetime) -> Response:
        missing = parameters()["missing"]
        rolling = assigned + self._seconds("turnout", group)
        if self.chance.uniform() < missing["on_scene"]:
            arrived, cleared = None, max(rolling, assigned + self._seconds("stand_down", group))
        else:
            arrived = rolling + self._seconds("travel", group)
            cleared = arrived + self._seconds("scene", group)
        en_route = None if self.chance.uniform() < missing["en_route"] else rolling
        return Response(
            "", unit_type, assigned, en_route, arrived, None if self.chance.uniform() < missing["cleared"] else cleared
        )

    def _seconds(self, name: str, group: str) -> timedelta:
        """One interval, whole seconds, cut at the longest the fit saw."""
        fit = parameters()["intervals"][name][group]
        if self.chance.uniform() < fit["zeros"]:
            return timedelta()
        shape, scale = fit["shape"], fit["scale"]
        value = {
            "lognormal": lambda: scale * np.exp(shape * self.chance.standard_normal()),
            "gamma": lambda: scale * self.chance.gamma(shape),
            "weibull": lambda: scale * self.chance.weibull(shape),
        }[fit["family"]]()
        return timedelta(seconds=round(min(float(value), fit["longest"])))


def _normal(shares: list[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    weights = np.asarray(shares, dtype=float)
    return weights / weights.sum()
