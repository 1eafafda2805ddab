"""Which clocks ran, and how long, is found from a timeline alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.chaos.clockwork import Clockwork

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def after(*steps: tuple[str, float, str]) -> Clockwork:
    clockwork = Clockwork()
    for fact, seconds, assignment in steps:
        clockwork.follow(fact, NOON + timedelta(seconds=seconds), assignment)
    return clockwork


def told(clockwork: Clockwork) -> list[tuple[str, int, float, float | None]]:
    return [
        (
            run.stage, run.generation, (run.began - NOON).total_seconds(),
            None if run.ended is None else (run.ended - NOON).total_seconds(),
        )
        for run in clockwork.runs
    ]  # fmt: skip


def test_each_stage_begins_where_the_one_before_it_ends() -> None:
    clockwork = after(("received", 0, ""), ("pushed", 1, ""), ("assigned", 3, "a"), ("arrived", 9, "a"))
    assert told(clockwork) == [("push", 1, 0, 1), ("assign", 1, 1, 3), ("arrive", 1, 3, 9)]


def test_a_refusal_asks_again_on_a_clock_of_the_next_generation_and_arrival_goes_on_running() -> None:
    clockwork = after(
        ("received", 0, ""), ("pushed", 1, ""), ("assigned", 2, "a"), ("refused", 4, "a"), ("assigned", 6, "b")
    )
    assert told(clockwork) == [
        ("push", 1, 0, 1), ("assign", 1, 1, 2), ("arrive", 1, 2, None), ("assign", 2, 4, 6),
    ]  # fmt: skip
    assert clockwork.most_going == 1


def test_a_reopened_incident_has_clocks_of_another_generation() -> None:
    clockwork = after(
        ("received", 0, ""), ("pushed", 1, ""), ("assigned", 2, "a"), ("resolved", 3, ""), ("withdrawn", 4, "a"),
        ("closed", 4, ""), ("reopened", 5, ""), ("assigned", 6, "b"), ("arrived", 7, "b"),
    )  # fmt: skip
    assert told(clockwork)[2:] == [("arrive", 1, 2, 3), ("assign", 2, 5, 6), ("arrive", 2, 6, 7)]


def test_two_teams_at_once_are_counted() -> None:
    assert after(("assigned", 1, "a"), ("assigned", 2, "b"), ("cleared", 3, "a")).most_going == 2
