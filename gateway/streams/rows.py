"""Incidents as lines of an export: CSV for a spreadsheet, NDJSON for a program."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import orjson

COLUMNS = (
    "incident_id", "reference", "state", "version", "category", "category_zh", "priority", "source", "summary",
    "address", "grid_code", "lat", "lon", "centre_code", "level", "exercise", "backfill", "flags", "stamps.received",
    "stamps.pushed", "first_assigned_at", "first_departed_at", "first_on_scene_at", "stamps.resolved",
    "stamps.fed_back", "stamps.closed", "outcome", "disposition", "merged_into",
)  # fmt: skip
"""The columns of a CSV whose fields nobody chose."""

BYTE_ORDER_MARK = "\ufeff".encode()
_STAMP = "stamps."
# A spreadsheet computes a cell that begins so (OWASP, CSV injection). East Asian ones also take the full-width forms.
_FORMULA = tuple("=+-@\t\r＝＋－＠")

Row = Mapping[str, Any]


class Form(Protocol):
    """How an export is written."""

    content_type: str
    extension: str

    def head(self) -> bytes: ...
    def rows(self, incidents: Iterable[Row]) -> Iterable[bytes]: ...
    def tail(self, count: int) -> bytes: ...


class Ndjson:
    """One JSON object a line; the last is `{"summary": …}`, without which the export was cut off."""

    content_type = "application/x-ndjson"
    extension = "ndjson"

    def head(self) -> bytes:
        return b""

    def rows(self, incidents: Iterable[Row]) -> Iterable[bytes]:
        return (orjson.dumps(incident, option=orjson.OPT_APPEND_NEWLINE) for incident in incidents)

    def tail(self, count: int) -> bytes:
        return orjson.dumps({"summary": {"incidents": count}}, option=orjson.OPT_APPEND_NEWLINE)


class Csv:
    """RFC 4180 with a header row, in UTF-8 with a byte order mark: without it Excel garbles Chinese."""

    content_type = "text/csv; charset=utf-8; header=present"
    extension = "csv"

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def head(self) -> bytes:
        return BYTE_ORDER_MARK + _line(self._columns)

    def rows(self, incidents: Iterable[Row]) -> Iterable[bytes]:
        return (_line([cell(incident, column) for column in self._columns]) for incident in incidents)

    def tail(self, count: int) -> bytes:
        return b""


def cell(incident: Row, column: str) -> str:
    """One member in a cell. Texts that a spreadsheet would compute get an apostrophe before them; numbers do not."""
    if column.startswith(_STAMP):
        stamp = incident.get("stamps", {}).get(column.removeprefix(_STAMP))
        return "" if stamp is None else str(stamp["occurred_at"])
    value = incident.get(column)
    if column == "reference" and value is not None:
        value = f"{value['system']}:{value['number']}"
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = value if isinstance(value, str) else _nested(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _nested(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ";".join(value)
    return orjson.dumps(value).decode()


def _line(cells: Sequence[str]) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow(cells)
    return written.getvalue().encode()
