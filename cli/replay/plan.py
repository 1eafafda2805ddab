"""Turn calls into the lines of a feed: what happened, in an order in which it can have happened.

A line's `occurred_at` is the file's own stamp, untouched. Only the order of sending is mended: where a file's stamps
run backwards, a stage is sent after the one it needs, and the service flags the stamp.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cli.replay.calls import Call, Response
from cli.replay.codes import category_of, disposition_of, priority_of, team_kind_of

STAGES = (
    "incident.create",
    "incident.push",
    "incident.assign",
    "assignment.accept",
    "assignment.depart",
    "assignment.arrive",
    "assignment.clear",
    "incident.resolve",
    "incident.feedback",
    "incident.close",
)
RANK = {name: rank for rank, name in enumerate(STAGES)}


@dataclass(frozen=True, slots=True)
class Step:
    """One line to send: `due` orders and paces the sending, `line` is sent as it is."""

    due: datetime
    reference: str
    line: dict[str, Any]

    @property
    def order(self) -> tuple[datetime, str, int]:
        """Time first; within the same second an incident's own stages keep their order."""
        return self.due, self.reference, RANK[self.line["command"]]


@dataclass(slots=True)
class Plan:
    """The teams to make, the steps to send, and why an incident will not end closed."""

    system: str
    teams: list[dict[str, Any]]
    steps: list[Step]
    left_open: dict[str, str] = field(default_factory=dict)
    unsaid: dict[str, str] = field(default_factory=dict)


def file_id(path: Path) -> str:
    """Twelve hexadecimal digits of the file's SHA-256: the same file is the same source, its calls are known again."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


class Timeline:
    """Places the file's local times on the real time line, past (`speed` None) or shifted to start now.

    A file carries local times without a zone, so one offset holds for the whole file: elapsed seconds stay what the
    file says. At a speed, calls arrive that many times faster; within a call every second stays a second, because a
    clock of 60 s can only be tested by 60 s.
    """

    def __init__(self, first: datetime, zone: ZoneInfo, *, speed: float | None, start: datetime) -> None:
        self._first, self._speed, self._start = first, speed, start
        self._offset = first.replace(tzinfo=zone).utcoffset() or timedelta()
        self.live = speed is not None

    def place(self, call: Call, stamp: datetime) -> datetime:
        """The instant (UTC) at which `stamp` of `call` happens."""
        if self._speed is None:
            return (stamp - self._offset).replace(tzinfo=UTC)
        return self._start + (call.received - self._first) / self._speed + (stamp - call.received)


def make_plan(calls: Sequence[Call], timeline: Timeline, *, system: str, fleet: str, centre_code: str) -> Plan:
    """The plan of `calls`; `system` names their references, `fleet` their teams, `centre_code` the teams' desk."""
    plan = Plan(system, _teams(calls, fleet, centre_code), [])
    for call in calls:
        plan.steps.extend(_CallSteps(call, timeline, plan, fleet).steps())
    plan.steps.sort(key=lambda step: step.order)
    return plan


def call_sign(unit: str, fleet: str) -> str:
    """A unit's call sign: its name in the file, told apart from another file's unit of the same name."""
    return f"{unit}-{fleet[:6]}"


def _teams(calls: Sequence[Call], fleet: str, centre_code: str) -> list[dict[str, Any]]:
    seen: dict[str, tuple[str, list[tuple[float, float]]]] = {}
    for call in calls:
        for response in call.responses:
            _, points = seen.setdefault(response.unit, (response.unit_type, []))
            if call.location:
                points.append(call.location)
    return [_team(unit, kind, points, fleet, centre_code) for unit, (kind, points) in sorted(seen.items())]


def _team(
    unit: str, unit_type: str, points: Sequence[tuple[float, float]], fleet: str, centre_code: str
) -> dict[str, Any]:
    kind, skills = team_kind_of(unit_type)
    data = {
        "call_sign": call_sign(unit, fleet),
        "name_zh": unit,
        "name_en": f"{unit} ({unit_type.lower()})",
        "kind": kind,
        "centre_code": centre_code,
        "skills": skills,
        "capacity": 2,
        "members": [],
        "always_on": True,
    }
    if points:
        lats, lons = zip(*points, strict=True)
        data["base"] = {"lat": round(sum(lats) / len(lats), 6), "lon": round(sum(lons) / len(lons), 6)}
    return {"command": "team.create", "key": f"units-{fleet}:{unit}", "data": data}


class _CallSteps:
    """The steps of one call."""

    def __init__(self, call: Call, timeline: Timeline, plan: Plan, fleet: str) -> None:
        self._call, self._timeline, self._plan, self._fleet = call, timeline, plan, fleet
        self._reference = f"{plan.system}:{call.number}"

    def steps(self) -> Iterator[Step]:
        call = self._call
        due = self._place(call.received)
        yield self._step("incident.create", call.received, due, self._draft())
        if call.pushed is None:
            self._plan.left_open[call.number] = "no Entry stamp: never pushed to a desk"
            return
        due = max(due, self._place(call.pushed))
        yield self._step("incident.push", call.pushed, due, {})
        ends: list[tuple[datetime, datetime]] = []
        for row, response in enumerate(call.responses):
            again = sum(earlier.unit == response.unit for earlier in call.responses[:row])
            end = yield from self._unit(response, due, f"{response.unit}#{again + 1}" if again else response.unit)
            ends += [end] if end else []
        if not ends:
            self._plan.left_open.setdefault(call.number, "no unit of it was ever free again")
        elif len(ends) == len(call.responses):
            yield from self._closing(*max(ends))

    def _unit(
        self, response: Response, due: datetime, name: str
    ) -> Generator[Step, None, tuple[datetime, datetime] | None]:
        """The steps of one unit; returns (due, stamp) of its end, or None when the file does not say it."""
        if response.assigned is None:
            self._plan.unsaid[self._call.number] = (
                f"unit {response.unit} has no Dispatch stamp, so its other stamps belong to no assignment"
            )
            return None
        team = call_sign(response.unit, self._fleet)
        due = max(due, self._place(response.assigned))
        yield self._step("incident.assign", response.assigned, due, {"team": team}, unit=name)
        if self._timeline.live:
            # The file knows only units that went: live, an offer nobody takes within seconds would move on to another.
            yield self._step("assignment.accept", response.assigned, due, {}, unit=name, team=team)
        stages = (
            ("assignment.depart", response.en_route),
            ("assignment.arrive", response.on_scene),
            ("assignment.clear", response.cleared),
        )
        for command, stamp in stages:
            if stamp:
                due = max(due, self._place(stamp))
                yield self._step(command, stamp, due, {}, unit=name, team=team)
        if response.cleared is None:
            self._plan.left_open[self._call.number] = (
                f"unit {response.unit} has no Available stamp: not known to be free"
            )
            return None
        return due, response.cleared

    def _closing(self, due: datetime, stamp: datetime) -> Iterator[Step]:
        yield self._step("incident.resolve", stamp, due, {"outcome": "handled"})
        yield self._step("incident.feedback", stamp, due, {"disposition": disposition_of(self._call.disposition)})
        yield self._step("incident.close", stamp, due, {})

    def _draft(self) -> Mapping[str, Any]:
        call = self._call
        draft: dict[str, Any] = {
            "reference": {"system": self._plan.system, "number": call.number},
            "source": "hotline",
            "category": category_of(call.call_type),
            "priority": priority_of(call.priority),
            "alarm_level": call.alarms,
        }
        if call.location:
            draft["location"] = {"lat": call.location[0], "lon": call.location[1]}
        return draft

    def _place(self, stamp: datetime) -> datetime:
        return self._timeline.place(self._call, stamp)

    def _step(
        self,
        command: str,
        stamp: datetime,
        due: datetime,
        data: Mapping[str, Any],
        *,
        unit: str = "",
        team: str | None = None,
    ) -> Step:
        line: dict[str, Any] = {
            "command": command,
            "key": ":".join(filter(None, (self._reference, command, unit))),
            "occurred_at": self._place(stamp).isoformat().replace("+00:00", "Z"),
            "data": dict(data),
        }
        if command != "incident.create":
            line["incident"] = self._reference
        if team:
            line["team"] = team
        return Step(due, self._reference, line)
