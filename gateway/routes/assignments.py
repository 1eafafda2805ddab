"""Assignments: what one team reports about one incident."""

from __future__ import annotations

from contracts.dispatch.commands import DATA
from contracts.dispatch.results import CommandResult
from gateway.routes.calling import command
from gateway.routes.paths import ASSIGNMENT
from gateway.routes.table import Route

STEPS = (
    ("accept", "接受任务", "The team accepts"),
    ("refuse", "拒绝任务", "The team refuses; the offer moves on at once"),
    ("depart", "出发", "The team is on its way"),
    ("arrive", "到场", "The team is on scene"),
    ("clear", "撤离", "The team is free again"),
    ("withdraw", "撤回任务", "The desk takes the assignment back"),
)


def _step(segment: str, zh: str, en: str) -> Route:
    name = f"assignment.{segment}"
    return Route(
        "POST", f"/v1/assignments/{{assignment}}/{segment}", f"assignment_{segment}", zh, en, "dispatch", name, command,
        path_params={"assignment": ASSIGNMENT}, command=name, body=DATA[name], answer=CommandResult,
    )  # fmt: skip


ROUTES = tuple(_step(*step) for step in STEPS)
