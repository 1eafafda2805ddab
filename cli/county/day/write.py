"""Write a day of calls in the columns of the open data set, so that `wangge replay` plays either."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from cli.replay.calls import Call

HEADER = (
    "Call Number",
    "Unit ID",
    "Incident Number",
    "Call Type",
    "Call Date",
    "Watch Date",
    "Received DtTm",
    "Entry DtTm",
    "Dispatch DtTm",
    "Response DtTm",
    "On Scene DtTm",
    "Transport DtTm",
    "Hospital DtTm",
    "Call Final Disposition",
    "Available DtTm",
    "Address",
    "City",
    "Zipcode of Incident",
    "Battalion",
    "Station Area",
    "Box",
    "Original Priority",
    "Priority",
    "Final Priority",
    "ALS Unit",
    "Call Type Group",
    "Number of Alarms",
    "Unit Type",
    "Unit sequence in call dispatch",
    "Fire Prevention District",
    "Supervisor District",
    "Neighborhood  District",
    "Location",
    "RowID",
)


def write_calls(path: Path, calls: Iterable[Call]) -> int:
    """Write `calls` to `path`, a row per unit; returns the number of rows. Columns that name real places stay empty."""
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, HEADER, restval="", lineterminator="\n")
        rows.writeheader()
        for call in calls:
            for row in _rows(call):
                rows.writerow(row)
                count += 1
    return count


def _rows(call: Call) -> Iterator[dict[str, str]]:
    lat, lon = call.location or ("", "")
    for sequence, response in enumerate(call.responses, start=1):
        yield {
            "Call Number": call.number,
            "Unit ID": response.unit,
            "Incident Number": call.number,
            "Call Type": call.call_type,
            "Call Date": f"{call.received:%m/%d/%Y}",
            "Watch Date": f"{call.received:%m/%d/%Y}",
            "Received DtTm": _stamp(call.received),
            "Entry DtTm": _stamp(call.pushed),
            "Dispatch DtTm": _stamp(response.assigned),
            "Response DtTm": _stamp(response.en_route),
            "On Scene DtTm": _stamp(response.on_scene),
            "Available DtTm": _stamp(response.cleared),
            "Call Final Disposition": call.disposition,
            "City": "Demo County",
            "Original Priority": call.priority,
            "Priority": call.priority,
            "Final Priority": call.priority,
            "Number of Alarms": str(call.alarms),
            "Unit Type": response.unit_type,
            "Unit sequence in call dispatch": str(sequence),
            "Location": f"({lat:.6f}, {lon:.6f})" if call.location else "",
            "RowID": f"{call.number}-{response.unit}-{sequence}",
        }


def _stamp(moment: datetime | None) -> str:
    return f"{moment:%m/%d/%Y %I:%M:%S %p}" if moment else ""
