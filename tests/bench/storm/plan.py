"""What happens in the storm, drawn from a seed before it begins: who calls when, and how long each hand takes.

Real seconds; the bench divides them by its factor. The rates are those of a county of a million people (2,000
dispatchable incidents a day, 0.023 a second): twenty times that for ten minutes, with a burst of seven calls within one
second each minute, and 300 calls about one collision within one minute. How long a desk takes follows what counties
publish: orders signed within 30 s for 98.9 %, most teams sent within the minute, and a few late.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

MINUTES, PER_SECOND, PER_BURST = 10, 0.46, 7
REPORTS, REPORTS_BEGIN, REPORTS_WITHIN = 300, 240.0, 60.0
WEST, EAST, SOUTH, NORTH = -122.52, -122.36, 37.61, 37.83
COLLISION = {"lat": 37.75, "lon": -122.43}
KINDS = ("medical", "injury", "structure_fire", "traffic_collision", "fight", "theft", "smoke_outside", "wires_down")
WORDS = ("高架桥上多车相撞", "桥上连环车祸，有人受伤", "高架多辆车追尾，堵住了", "听见巨响，桥上撞车了")
SPREAD_DEGREES = 0.0003
"""Some 30 m: where callers about one collision say they stand."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: when, what is told, whether it is one of the many about the collision, and the pace of its hands."""

    at: float
    told: dict[str, object]
    about_the_collision: bool
    pauses: dict[str, float]


def calls(seed: int, share: float = 1.0) -> list[Call]:
    """All calls in order of time; `share` takes that part of each kind (a short run)."""
    dice = random.Random(seed)  # noqa: S311 - a load to replay, not a secret
    seconds = MINUTES * 60
    bursts = [minute * 60 + dice.uniform(0, 59) for minute in range(MINUTES)]
    times = [burst + dice.random() for burst in bursts for _ in range(max(1, int(PER_BURST * share)))]
    while len(times) < PER_SECOND * seconds * share:
        times.append(dice.uniform(0, seconds))
    found = [Call(at, _elsewhere(dice), about_the_collision=False, pauses=_pauses(dice)) for at in times]
    for number in range(int(REPORTS * share)):
        at = REPORTS_BEGIN + (0.0 if number == 0 else dice.uniform(1.0, REPORTS_WITHIN))
        found.append(Call(at, _collision(dice), about_the_collision=True, pauses=_pauses(dice)))
    return sorted(found, key=lambda each: each.at)


def _elsewhere(dice: random.Random) -> dict[str, object]:
    place = {"lat": dice.uniform(SOUTH, NORTH), "lon": dice.uniform(WEST, EAST)}
    return {"source": "police", "category": dice.choice(KINDS), "location": place}


def _collision(dice: random.Random) -> dict[str, object]:
    """A report of it. Three in ten tell of injured, who need an ambulance beside the patrol."""
    place = {name: dice.gauss(value, SPREAD_DEGREES) for name, value in COLLISION.items()}
    category = "traffic_collision_injury" if dice.random() < 0.3 else "traffic_collision"
    return {"source": "police", "category": category, "location": place, "summary": dice.choice(WORDS)}


def _pauses(dice: random.Random) -> dict[str, float]:
    """Seconds before each step; one push in fifty, one assignment in twenty and one arrival in ten comes late."""
    return {
        "push": dice.uniform(70, 100) if dice.random() < 0.02 else dice.uniform(3, 30),
        "merge": dice.uniform(3, 30),
        "assign": dice.uniform(70, 120) if dice.random() < 0.05 else dice.uniform(5, 45),
        "accept": dice.uniform(3, 10), "depart": dice.uniform(10, 50),
        "arrive": dice.uniform(310, 360) if dice.random() < 0.1 else dice.uniform(60, 200),
        "clear": dice.uniform(30, 120), "resolve": 5.0, "feedback": 5.0, "close": 5.0,
    }  # fmt: skip
