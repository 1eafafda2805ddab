"""A busy half hour as commands: incidents that come in one after another, and the stamps of all of them in order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.dispatch.county import IN_WEST, STATION, call_for_help, command

INCIDENTS, BATCH, TEAMS = 500, 500, 50
SYSTEM = "bench"
# Seconds from one call to the next, and from a call to its stamps: within every target of policy 115.
APART = 2.0
STEPS = {
    "incident.push": 20,
    "incident.acknowledge": 30,
    "incident.assign": 45,
    "assignment.accept": 50,
    "assignment.depart": 70,
    "assignment.arrive": 220,
    "assignment.clear": 500,
    "incident.resolve": 510,
}
# Ends a few minutes ago, begins less than an hour ago: live stamps, whose clocks run, not backfill.
BEGAN = timedelta(seconds=INCIDENTS * APART + max(STEPS.values()) + 300)


def teams() -> list[dict[str, Any]]:
    """Commands that make the teams."""
    told = {"name_zh": "演示组", "kind": "medical", "centre_code": STATION, "skills": ["medical"], "base": IN_WEST}
    told |= {"members": [{"role": "lead", "reference": "p-0001"}], "capacity": 20}
    return [command("team.create", data={**told, "call_sign": sign(number)}) for number in range(TEAMS)]


def sign(number: int) -> str:
    return f"B{number % TEAMS}"


def half_hour() -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """The calls, and batches of their stamps in the order in which they happened: of many incidents and all kinds."""
    began = datetime.now(UTC) - BEGAN
    calls, stamps = [], []
    for number in range(INCIDENTS):
        at = began + timedelta(seconds=number * APART)
        calls.append(command("incident.create", data=call(number), occurred_at=at))
        stamps += [(at + timedelta(seconds=after), step, number) for step, after in STEPS.items()]
    ordered = [stamp(step, number, at) for at, step, number in sorted(stamps, key=lambda each: each[0])]
    return calls, list(batches(ordered))


def call(number: int) -> dict[str, Any]:
    place = {"lat": 29.05 + 0.9 * number / INCIDENTS, "lon": IN_WEST["lon"]}
    return call_for_help(reference={"system": SYSTEM, "number": str(number)}, location=place)


def stamp(step: str, number: int, at: datetime) -> dict[str, Any]:
    more: dict[str, Any] = {"incident": f"{SYSTEM}:{number}", "occurred_at": at}
    if step.startswith("assignment."):
        more["team"] = sign(number)
    if step == "incident.assign":
        more["data"] = {"team": sign(number)}
    if step == "incident.resolve":
        more["data"] = {"outcome": "settled"}
    return command(step, **more)


def batches(commands: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    return (commands[start : start + BATCH] for start in range(0, len(commands), BATCH))
