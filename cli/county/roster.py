"""teams.csv as commands of dispatch: who is new, who changed, and the shifts of those who are not always on."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click
import orjson

FILE = "teams.csv"
COLUMNS = frozenset(
    ("call_sign", "name_zh", "name_en", "kind", "centre_code", "skills", "capacity", "members", "base_lat", "base_lon",
     "always_on", "in_service", "shifts")
)  # fmt: skip
# The file says which days of the week; dispatch wants stretches of time. Importing again carries them on.
SHIFT_DAYS = 28
_PATTERN = re.compile(r"([1-7])-([1-7]) ([0-2]\d:[0-5]\d)-([0-2]\d:[0-5]\d)")
_COMPARED = ("name_zh", "name_en", "kind", "centre_code", "skills", "capacity", "always_on", "in_service", "base")


class RosterError(click.ClickException):
    """A row of teams.csv cannot be read; the text names it, in both languages."""


@dataclass(frozen=True, slots=True)
class Crew:
    """One row: ``data`` as team.create takes it, ``shifts`` as written (``1-5 08:00-17:00;…``)."""

    row: int
    data: dict[str, Any]
    shifts: str


def read_roster(body: bytes) -> list[Crew]:
    """The rows of teams.csv. Raises RosterError naming row and column."""
    try:
        reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        if set(reader.fieldnames or ()) != COLUMNS:
            odd = ", ".join(sorted(COLUMNS ^ set(reader.fieldnames or ())))
            raise RosterError(f"{FILE}: 列缺失或未知 · columns missing or unknown: {odd}")
        return [_crew(reader.line_num, cells) for cells in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RosterError(f"{FILE}: 不是 UTF-8 的 CSV · not CSV in UTF-8: {error}") from error


def _crew(row: int, cells: Mapping[str, Any]) -> Crew:
    try:
        data = {name: cells[name].strip() for name in ("call_sign", "name_zh", "kind", "centre_code")}
        if name_en := cells["name_en"].strip():
            data["name_en"] = name_en
        members = [member.split(":") for member in _listed(cells["members"])]
        return Crew(
            row,
            data
            | {
                "skills": _listed(cells["skills"]),
                "capacity": int(cells["capacity"]),
                "members": [{"role": role, "reference": reference} for role, reference in members],
                "base": {"lat": float(cells["base_lat"]), "lon": float(cells["base_lon"])},
                "always_on": _flag(cells["always_on"]),
                "in_service": _flag(cells["in_service"]),
            },
            _checked(cells["shifts"].strip()),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RosterError(f"{FILE}:{row}: 无法读取 · cannot be read: {error}") from error


def _listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(";") if item.strip()]


def _flag(text: str) -> bool:
    return {"true": True, "是": True, "1": True, "false": False, "否": False, "0": False}[text.strip().lower()]


def _checked(shifts: str) -> str:
    for pattern in _listed(shifts):
        if _PATTERN.fullmatch(pattern) is None:
            raise ValueError(f"shifts are like 1-5 08:00-17:00, unlike {pattern!r}")
    return shifts


def lines_for(
    crews: Iterable[Crew], known: Mapping[str, Mapping[str, Any]], today: date, zone: ZoneInfo
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Commands with the row each is of. ``known``: teams that dispatch has, by call sign; equal ones are left alone."""
    for crew in crews:
        sign = crew.data["call_sign"]
        team = known.get(sign)
        if team is None:
            yield crew.row, _line("team.create", crew.data, "new")
        elif changes := _changes(crew.data, team):
            yield crew.row, _line("team.change", changes, f"{sign} {team['version']}", team=sign)
        if crew.shifts:
            shifts = {"shifts": list(stretches(crew.shifts, today, zone))}
            yield crew.row, _line("team.shifts", shifts, sign, team=sign)


def _changes(wanted: Mapping[str, Any], team: Mapping[str, Any]) -> dict[str, Any]:
    changes = {name: wanted[name] for name in _COMPARED if name in wanted and wanted[name] != team.get(name)}
    crew = [(member["role"], member["reference"]) for member in team.get("members", [])]
    if [(member["role"], member["reference"]) for member in wanted["members"]] != crew:
        changes["members"] = wanted["members"]
    return changes


def _line(command: str, data: dict[str, Any], about: str, **address: str) -> dict[str, Any]:
    # The same wish is the same key: an import that was cut off goes on where it stopped.
    digest = hashlib.sha256(orjson.dumps([command, about, data, address], option=orjson.OPT_SORT_KEYS)).hexdigest()
    return {"command": command, "key": f"county-{digest[:32]}", "data": data, **address}


def stretches(shifts: str, today: date, zone: ZoneInfo) -> Iterator[dict[str, str]]:
    """The stretches of duty from yesterday on; one that ends before it begins runs past midnight."""
    found = []
    for pattern in _listed(shifts):
        first, last, opens, closes = _PATTERN.fullmatch(pattern).groups()  # type: ignore[union-attr]  # checked when read
        for offset in range(-1, SHIFT_DAYS):
            day = today + timedelta(days=offset)
            if int(first) <= day.isoweekday() <= int(last):
                begins = datetime.combine(day, time.fromisoformat(opens), zone)
                ends = datetime.combine(day + timedelta(days=closes <= opens), time.fromisoformat(closes), zone)
                found.append((begins.isoformat(), ends.isoformat()))
    for begins_at, ends_at in sorted(found):
        yield {"starts_at": begins_at, "ends_at": ends_at}
