"""Read a calls-for-service file: one row per unit sent, the call's columns repeated on each of its rows.

The shape is that of the open data set "Fire Department Calls for Service" (DataSF, Public Domain Dedication and
License); any export of it reads. Times are local, without a zone, in the form `01/02/2017 03:04:05 PM`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

STAMP = re.compile(r"^(\d\d)/(\d\d)/(\d{4}) (\d\d):(\d\d):(\d\d) ([AP])M$")
POINT = re.compile(r"^\((-?\d+(?:\.\d+)?), ?(-?\d+(?:\.\d+)?)\)$")
COLUMNS = (
    "Call Number",
    "Unit ID",
    "Call Type",
    "Received DtTm",
    "Entry DtTm",
    "Dispatch DtTm",
    "Response DtTm",
    "On Scene DtTm",
    "Available DtTm",
    "Call Final Disposition",
    "Priority",
    "Number of Alarms",
    "Unit Type",
    "Location",
)


class InvalidCallsError(Exception):
    """The file is not of the documented shape; the text names the row, the column and the rule."""


@dataclass(frozen=True, slots=True)
class Response:
    """One unit sent to one call; naive local times, None where the file has none."""

    unit: str
    unit_type: str
    assigned: datetime | None
    en_route: datetime | None
    on_scene: datetime | None
    cleared: datetime | None


@dataclass(slots=True)
class Call:
    """One call with the units sent to it, in the order of the file."""

    number: str
    call_type: str
    priority: str
    alarms: int
    disposition: str
    received: datetime
    pushed: datetime | None
    location: tuple[float, float] | None
    responses: list[Response] = field(default_factory=list)

    @property
    def first_assigned(self) -> datetime | None:
        """The earliest moment a unit was sent, or None."""
        return min((response.assigned for response in self.responses if response.assigned), default=None)


def parse_stamp(text: str) -> datetime | None:
    """A local time of the file, None for an empty cell; raises ValueError for any other form."""
    if not text:
        return None
    match = STAMP.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not of the form MM/DD/YYYY hh:mm:ss AM")
    month, day, year, hour, minute, second = (int(part) for part in match.groups()[:6])
    return datetime(year, month, day, hour % 12 + (12 if match[7] == "P" else 0), minute, second)  # noqa: DTZ001 local by the file's shape


def parse_point(text: str) -> tuple[float, float] | None:
    """`(latitude, longitude)` in degrees, None for an empty cell; raises ValueError for any other form."""
    if not text:
        return None
    match = POINT.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not of the form (latitude, longitude)")
    return float(match[1]), float(match[2])


def read_calls(path: Path) -> list[Call]:
    """All calls of `path`, in the order of their first row. Raises InvalidCallsError naming row, column and rule."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise InvalidCallsError(f"{path}: the header lacks {', '.join(missing)}")
        return list(_gather(path, rows).values())


def _gather(path: Path, rows: Iterable[Mapping[str, str]]) -> dict[str, Call]:
    calls: dict[str, Call] = {}
    for number, row in enumerate(rows, start=2):
        try:
            call = _call(row)
            known = calls.setdefault(row["Call Number"], call)
            _merge(known, call)
            known.responses.append(_response(row))
        except ValueError as error:
            raise InvalidCallsError(f"{path}, row {number}: {error}") from error
    return calls


def _call(row: Mapping[str, str]) -> Call:
    received = parse_stamp(row["Received DtTm"])
    if not row["Call Number"] or received is None:
        raise ValueError("Call Number and Received DtTm are required")
    return Call(
        number=row["Call Number"],
        call_type=row["Call Type"],
        priority=row["Priority"],
        alarms=int(row["Number of Alarms"] or 1),
        disposition=row["Call Final Disposition"],
        received=received,
        pushed=parse_stamp(row["Entry DtTm"]),
        location=parse_point(row["Location"]),
    )


def _merge(known: Call, again: Call) -> None:
    """A call's columns repeat; where rows disagree the earliest stamp counts, as it does for the report."""
    known.received = min(known.received, again.received)
    known.pushed = min((stamp for stamp in (known.pushed, again.pushed) if stamp), default=None)
    known.location = known.location or again.location


def _response(row: Mapping[str, str]) -> Response:
    if not row["Unit ID"]:
        raise ValueError("Unit ID is required")
    return Response(
        unit=row["Unit ID"],
        unit_type=row["Unit Type"],
        assigned=parse_stamp(row["Dispatch DtTm"]),
        en_route=parse_stamp(row["Response DtTm"]),
        on_scene=parse_stamp(row["On Scene DtTm"]),
        cleared=parse_stamp(row["Available DtTm"]),
    )
