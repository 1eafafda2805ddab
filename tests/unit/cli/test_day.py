"""A synthetic day: the same for the same arguments, and shaped like the calls it was fitted to."""

from __future__ import annotations

import filecmp
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from cli.county.day.draw import BURST_CALLERS, Box, draw_day, parameters
from cli.county.day.fit import fit_file
from cli.county.day.write import write_calls
from cli.replay.calls import Call, read_calls

BOX = Box(-122.53, 37.60, -122.35, 37.84)
DAY = date(2026, 3, 1)


def days(count: int) -> list[Call]:
    return [call for number in range(count) for call in draw_day(DAY + timedelta(number), seed=5, load=1, box=BOX)]


def test_same_seed_date_and_load_give_the_same_file_byte_for_byte(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        write_calls(tmp_path / name, draw_day(DAY, seed=7, load=20, box=BOX))
    assert filecmp.cmp(tmp_path / "one.csv", tmp_path / "two.csv", shallow=False)


def test_another_seed_gives_another_day(tmp_path: Path) -> None:
    first, second = (draw_day(DAY, seed=seed, load=1, box=BOX) for seed in (1, 2))
    assert [call.received for call in first] != [call.received for call in second]


def test_what_is_written_reads_back_as_the_calls_that_were_drawn(tmp_path: Path) -> None:
    drawn = draw_day(DAY, seed=3, load=1, box=BOX)
    write_calls(tmp_path / "day.csv", drawn)
    read = read_calls(tmp_path / "day.csv")
    assert [(call.number, call.received, call.pushed, call.responses) for call in read] == [
        (call.number, call.received, call.pushed, call.responses) for call in drawn
    ]


def test_every_call_lies_in_the_box_and_in_the_day() -> None:
    for call in draw_day(DAY, seed=9, load=20, box=BOX):
        assert call.location is not None
        assert BOX.south <= call.location[0] <= BOX.north
        assert BOX.west <= call.location[1] <= BOX.east
        assert call.received.date() == DAY


def test_stamps_of_a_unit_never_run_backwards() -> None:
    for call in draw_day(DAY, seed=4, load=4, box=BOX):
        for response in call.responses:
            stamps = [
                call.received,
                call.pushed,
                response.assigned,
                response.en_route,
                response.on_scene,
                response.cleared,
            ]
            known = [stamp for stamp in stamps if stamp]
            assert known == sorted(known)


def test_a_storm_has_four_hours_at_many_times_the_mean_and_one_event_with_hundreds_of_callers() -> None:
    calls = draw_day(DAY, seed=2, load=20, box=BOX)
    by_hour = Counter(call.received.hour for call in calls)
    mean = parameters()["calls_per_day"] / 24
    assert sum(count > 12 * mean for count in by_hour.values()) >= 4
    by_minute = Counter((call.call_type, int(call.received.timestamp() // 60)) for call in calls)
    busiest = max(by_minute.values())
    assert busiest >= BURST_CALLERS / 2


def test_arrivals_follow_the_fitted_hours() -> None:
    calls = days(14)
    shares = np.bincount([call.received.hour for call in calls], minlength=24) / len(calls)
    assert np.abs(shares - np.array(parameters()["hours"])).max() < 0.012


@pytest.mark.parametrize("interval", ["push", "assign", "travel", "scene"])
def test_intervals_refitted_from_drawn_days_are_those_that_were_fitted_to_the_real_ones(
    tmp_path: Path, interval: str
) -> None:
    write_calls(tmp_path / "days.csv", renumbered(days(8)))
    again, fitted = (
        fit_file(tmp_path / "days.csv")["intervals"][interval]["medical"],
        parameters()["intervals"][interval]["medical"],
    )
    assert median(again) == pytest.approx(median(fitted), rel=0.15)


def renumbered(calls: list[Call]) -> list[Call]:
    for number, call in enumerate(calls):
        call.number = str(number)
    return calls


def median(fit: dict[str, float]) -> float:
    chance = np.random.default_rng(1)
    draws = {
        "lognormal": lambda: np.exp(fit["shape"] * chance.standard_normal(20_000)),
        "gamma": lambda: chance.gamma(fit["shape"], size=20_000),
        "weibull": lambda: chance.weibull(fit["shape"], size=20_000),
    }[str(fit["family"])]()
    return float(np.median(draws) * fit["scale"])
