"""Several ways to do the same, measured in turns, so that whatever else the machine does befalls all alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping

RUNS = 5


def medians(ways: Mapping[str, Callable[[], float]], runs: int = RUNS) -> dict[str, float]:
    """Median of what each way returns (things a second) over `runs` rounds, each of every way once.

    The order turns from round to round: whoever goes second finds caches warm and the disk busy. One round before
    them counts for nobody.
    """
    for way in ways.values():
        way()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(runs):
        for name in list(ways)[:: -1 if number % 2 else 1]:
            taken[name].append(ways[name]())
    for name, rates in taken.items():
        print(f"    {name}: " + ", ".join(f"{rate:,.0f}" for rate in rates), flush=True)
    return {name: statistics.median(rates) for name, rates in taken.items()}
