"""The units of a synthetic day: who is free and nearest when a call needs a kind of unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np

LONG_AGO = datetime(1, 1, 1)  # noqa: DTZ001 local times, as everywhere in the file shape


class Box(Protocol):
    """A bounding box that gives a point for a share of its width and height."""

    def at(self, across: float, up: float) -> tuple[float, float]: ...


@dataclass(slots=True)
class Unit:
    """A unit with its station, busy until the end of its last call."""

    name: str
    lat: float
    lon: float
    busy_until: datetime = LONG_AGO


class Fleet:
    """Stations are drawn once; the nearest free unit goes.

    When all are out, the one that is free first goes straight from its call.
    """

    def __init__(self, counts: Mapping[str, int], box: Box, chance: np.random.Generator) -> None:
        self._units = {
            kind: [
                Unit(f"{_letters(kind)}{number:02d}", *box.at(*chance.uniform(0.05, 0.95, 2)))
                for number in range(1, count + 1)
            ]
            for kind, count in sorted(counts.items())
        }

    def take(self, kind: str, place: tuple[float, float], start: datetime, end: datetime) -> str:
        """The name of the unit that goes; it is busy from then until `end`."""
        units = self._units[kind]
        free = [unit for unit in units if unit.busy_until <= start]
        lat, lon = place
        chosen = (
            min(free, key=lambda unit: (unit.lat - lat) ** 2 + (unit.lon - lon) ** 2)
            if free
            else min(units, key=lambda unit: unit.busy_until)
        )
        chosen.busy_until = max(end, chosen.busy_until)
        return chosen.name


def _letters(kind: str) -> str:
    """`RESCUE SQUAD` becomes `RS`, `ENGINE` becomes `EN`: short call signs that cannot clash."""
    words = kind.split()
    return "".join(word[0] for word in words) if len(words) > 1 else kind[:2]
