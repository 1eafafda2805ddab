"""Two ways to do the same, measured in turns, so that whatever else the machine does befalls both alike."""

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
    return {name: statistics.median(rates) for name, rates in taken.items()}


def show(what: str, unit: str, rates: Mapping[str, float], runs: int = RUNS) -> dict[str, float]:
    """Print ours (the first of `rates`) and our ratio to everything else that was measured; the ratios."""
    (ours, ours_rate), *others = rates.items()
    print(f"\n  {what} ({unit}/s, median of {runs} interleaved runs)")
    print(f"    ours {ours_rate:>10,.0f}   {ours}")
    for name, rate in others:
        print(f"    raw  {rate:>10,.0f}   {name}: ratio {ours_rate / rate:.2f}")
    return {name: ours_rate / rate for name, rate in others}
