"""Teams of a county into dispatch, through the public API like anybody's."""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import httpx

from cli.api import connect, get
from cli.replay.feed import Feed

SHIFT_DAYS = 90  # how far ahead a weekly pattern is written out
CENTRES_WITHIN = 120.0  # seconds until dispatch must have heard of all centres
Row = dict[str, str]


def load_teams(file: Path, instance: str, timezone: str = "Asia/Shanghai") -> int:
    """Create or change every team of `file`; how many rows were refused (each is reported).

    Raises TimeoutError when dispatch does not learn of the centres, ApiError and FeedBrokenError as those say.
    """
    if not file.exists():
        return 0
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.DictReader(text))
    with connect(instance) as client:
        await_centres(client, {row["centre_code"] for row in rows})
        known = {team["call_sign"]: team for team in get(client, "/v1/teams")["teams"]}
        feed = Feed(client, lambda _: None)
        zone = ZoneInfo(timezone)
        feed.send([line for row in rows for line in commands(row, zone, known.get(row["call_sign"]))])
    for line, problem in feed.tally.refused:
        where = f" [{problem['field']}]" if problem.get("field") else ""
        name = line["data"].get("call_sign", line.get("team"))
        click.echo(f"{file.name} {name}{where} {problem['code']}: {problem.get('detail', '')}", err=True)
    click.echo(f"{file.name}: 共 {len(rows)} 支队伍 teams，未通过 refused {len(feed.tally.refused)}")
    return len(feed.tally.refused)


def await_centres(client: httpx.Client, wanted: set[str]) -> None:
    """The tree reaches dispatch as events: wait until it knows every centre that a team belongs to."""
    until = time.monotonic() + CENTRES_WITHIN
    while missing := wanted - {centre["code"] for centre in get(client, "/v1/centres")["centres"]}:
        if time.monotonic() > until:
            raise TimeoutError(f"dispatch has not heard of {len(missing)} centres, such as {min(missing)}")
        time.sleep(0.2)


def commands(row: Row, zone: ZoneInfo, known: Mapping[str, Any] | None) -> Iterable[dict[str, Any]]:
    """The commands that make a row true, none where it is; keys come from content and day: again is harmless."""
    data = team_data(row)
    sign = row["call_sign"]
    if known is None:
        yield keyed({"command": "team.create", "data": data})
    elif not is_as(known, data):
        yield keyed({"command": "team.change", "team": sign, "data": data})
    if row["shifts"]:
        shifts = write_out(row["shifts"], datetime.now(zone).date() - timedelta(days=1), zone)
        yield keyed({"command": "team.shifts", "team": sign, "data": {"shifts": shifts}})


def is_as(known: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether a team already is what a row says."""
    crew = [{key: member.get(key) for key in ("role", "reference")} for member in known["members"]]
    return {**{key: known.get(key) for key in data}, "members": crew} == data


def keyed(command: dict[str, Any]) -> dict[str, Any]:
    digest = hashlib.sha256(json.dumps(command, sort_keys=True).encode()).hexdigest()[:32]
    return {**command, "key": f"county-import:{digest}"}


def team_data(row: Row) -> dict[str, Any]:
    members = [entry.split(":", 1) for entry in row["members"].split(";") if entry]
    return {
        "call_sign": row["call_sign"],
        "name_zh": row["name_zh"],
        **({"name_en": row["name_en"]} if row["name_en"] else {}),
        "kind": row["kind"],
        "centre_code": row["centre_code"],
        "skills": [skill for skill in row["skills"].split(";") if skill],
        "capacity": int(row["capacity"]),
        "members": [{"role": role, "reference": reference} for role, reference in members],
        "base": {"lat": float(row["base_lat"]), "lon": float(row["base_lon"])},
        "always_on": row["always_on"] == "true",
        "in_service": row["in_service"] == "true",
    }


def write_out(pattern: str, first: date, zone: ZoneInfo) -> list[dict[str, str]]:
    """`1-5 08:30-17:30` (ISO weekdays, local times) as stretches of duty in UTC; one may run past midnight."""
    days, hours = pattern.split()
    lowest, highest = (int(day) for day in days.split("-"))
    opens, closes = (datetime.strptime(hour, "%H:%M").time() for hour in hours.split("-"))  # noqa: DTZ007 local hour
    shifts = []
    for day in (first + timedelta(days=n) for n in range(SHIFT_DAYS)):
        if lowest <= day.isoweekday() <= highest:
            end = day if closes > opens else day + timedelta(days=1)
            both = (datetime.combine(day, opens, zone), datetime.combine(end, closes, zone))
            starts, ends = (moment.astimezone(UTC).isoformat().replace("+00:00", "Z") for moment in both)
            shifts.append({"starts_at": starts, "ends_at": ends})
    return shifts
