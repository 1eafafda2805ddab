"""What the live board shows of an incident's teams."""

import io

import pytest
from rich.console import Console

from cli.board.view import board
from cli.stages import STAGES

NOTHING = {"count": 0, "within": 0, "p50": None, "p90": None, "p99": None}


def drawn(missing, *states):
    """The board with one incident on it, as text."""
    incident = {
        "incident_id": "0190a0c2-7e1a-7000-8000-0000000000aa", "reference": {"number": "17"}, "exercise": False,
        "category": "traffic_collision_injury", "category_zh": "交通伤人", "priority": 1, "state": "assigned",
        "grid_code": "999999001", "backfill": False, "clocks": [], "missing_skills": missing,
        "assignments": [{"state": state} for state in states],
    }  # fmt: skip
    snapshot = {
        "now": "2026-01-02T03:00:00Z", "counts": {"assigned": 1}, "figures": dict.fromkeys(STAGES, NOTHING),
        "open_incidents": [incident],
    }  # fmt: skip
    text = io.StringIO()
    Console(width=200, file=text).print(board(snapshot, title="演示", rows=10))
    return text.getvalue()


@pytest.mark.parametrize(
    ("missing", "states", "shown"),
    [
        (["medical", "hazmat"], ["en_route", "refused"], "1 缺急救、危化处置"),
        (["a_skill_of_tomorrow"], ["assigned"], "1 缺a_skill_of_tomorrow"),
        ([], ["en_route", "on_scene"], " 2 "),
    ],
)
def test_it_says_in_words_what_none_of_the_teams_on_the_way_can_do(missing, states, shown):
    assert shown in drawn(missing, *states)


def test_an_incident_that_nobody_goes_to_has_no_need_of_such_words():
    assert "缺" not in drawn(["patrol", "medical"])
