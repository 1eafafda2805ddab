"""Is this call about an incident that we know? A score from distance, time, category and words, with its parts."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import exp

from services.dispatch.domain.geo import haversine_metres

RADIUS_METRES = 500.0
WINDOW_SECONDS = 3600.0
LIKELY = 0.5
# Two calls about one incident agree in place first; the words of two callers differ most.
_WEIGHTS = {"distance": 0.4, "time": 0.25, "category": 0.2, "text": 0.15}
_DISTANCE_SCALE_METRES = 150.0
_TIME_SCALE_SECONDS = 1200.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is compared of an incident. Either a point or a grid code may be missing."""

    lat: float | None
    lon: float | None
    grid_code: str | None
    at: datetime
    category: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two sightings are: `score` and its parts from 0 to 1; a part is None when one side does not say."""

    score: float
    distance: float | None
    time: float
    category: float
    text: float | None
    metres: float | None

    @property
    def likely(self) -> bool:
        """Whether a dispatcher should look before making another incident."""
        return self.score >= LIKELY


def compare(one: Sighting, other: Sighting) -> Likeness:
    """Symmetric. Parts that are not known do not count, except that without any place nothing is likely."""
    near, metres = _near(one, other)
    close = exp(-abs((one.at - other.at).total_seconds()) / _TIME_SCALE_SECONDS)
    same = 1.0 if one.category == other.category else 0.5 if one.kind == other.kind else 0.0
    words = _alike(one.text, other.text)
    parts = {"distance": near, "time": close, "category": same, "text": words}
    known = {name: value for name, value in parts.items() if value is not None}
    score = sum(_WEIGHTS[name] * value for name, value in known.items()) / sum(_WEIGHTS[name] for name in known)
    # However alike the words are: far apart (beyond some 200 m) or long apart (half an hour) it fades to nothing.
    score *= min(1.0, 4 * close, 4 * near if near is not None else LIKELY / 2)
    return Likeness(
        round(score, 4), _round(near), round(close, 4), same, _round(words),
        None if metres is None else round(metres, 1),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def bigrams(text: str) -> frozenset[str]:
    """The pairs of neighbouring letters or characters, after width and case are folded.

    Words are not needed, so Chinese works as it stands; one lone character is its own pair.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())
    if len(plain) < 2:
        return frozenset((plain,)) if plain else frozenset()
    return frozenset(plain[i : i + 2] for i in range(len(plain) - 1))


def _alike(one: str, other: str) -> float | None:
    """Dice coefficient over bigrams, None when one side says nothing."""
    first, second = bigrams(one), bigrams(other)
    if not first or not second:
        return None
    return 2 * len(first & second) / (len(first) + len(second))


def _near(one: Sighting, other: Sighting) -> tuple[float | None, float | None]:
    if one.lat is not None and one.lon is not None and other.lat is not None and other.lon is not None:
        # In a fixed order, so that rounding cannot make the comparison depend on who asks.
        (lat, lon), (other_lat, other_lon) = sorted(((one.lat, one.lon), (other.lat, other.lon)))
        metres = haversine_metres(lat, lon, other_lat, other_lon)
        return exp(-metres / _DISTANCE_SCALE_METRES), metres
    if one.grid_code and other.grid_code:
        return (0.7 if one.grid_code == other.grid_code else 0.0), None
    return None, None


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
