"""Rows of an export: what a spreadsheet opens and a program reads."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.dispatch.selection import SELECTABLE
from gateway.streams.rows import COLUMNS, Csv, Ndjson, cell

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


def read_back(written: bytes) -> list[list[str]]:
    """As Python's own reader of RFC 4180 reads it, without the byte order mark."""
    return list(csv.reader(io.StringIO(written.decode("utf-8-sig"), newline=""), strict=True))


def test_a_csv_begins_with_a_byte_order_mark_and_its_header_and_ends_its_lines_with_crlf() -> None:
    form = Csv(["incident_id", "summary"])
    written = form.head() + b"".join(form.rows([{"incident_id": "1", "summary": "3号楼,有人晕倒"}])) + form.tail(1)
    assert written == '\ufeffincident_id,summary\r\n1,"3号楼,有人晕倒"\r\n'.encode()


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_any_text_comes_back_from_a_csv_as_it_was_but_for_the_apostrophe(texts: list[str]) -> None:
    form = Csv(["summary"])
    written = form.head() + b"".join(form.rows({"summary": text} for text in texts))
    found = [row[0] if row else "" for row in read_back(written)[1:]]
    assert [text.removeprefix("'") for text in found] == [text.removeprefix("'") for text in texts]


@given(TEXTS)
def test_no_cell_begins_as_a_formula_does(text: str) -> None:
    for value in (text, [text], {"note": text}):
        assert not cell({"summary": value}, "summary").startswith(tuple("=+-@\t\r＝＋－＠"))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1＋1", '=HYPERLINK("http://x")'])
def test_a_text_that_a_spreadsheet_would_compute_is_defused(text: str) -> None:
    assert cell({"summary": text}, "summary") == f"'{text}"


CELLS: list[tuple[str, Any, str]] = [
    ("lon", -122.42, "-122.42"), ("priority", 1, "1"), ("exercise", False, "false"), ("backfill", True, "true"),
    ("summary", None, ""), ("summary", "", ""), ("reference", {"system": "police110", "number": "17"}, "police110:17"),
    ("reference", None, ""), ("flags", ["future", "late"], "future;late"), ("flags", [], ""),
    ("clocks", [{"stage": "push"}], '[{"stage":"push"}]'),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value", "expected"), CELLS)
def test_a_member_becomes_a_cell(column: str, value: Any, expected: str) -> None:
    assert cell({column: value}, column) == expected


def test_a_stamp_becomes_the_time_at_which_it_happened_or_nothing() -> None:
    incident = {"stamps": {"received": {"occurred_at": "2026-01-02T03:04:05Z", "by": "dev"}}}
    assert cell(incident, "stamps.received") == "2026-01-02T03:04:05Z"
    assert cell(incident, "stamps.closed") == ""
    assert cell({}, "stamps.received") == ""


def test_ndjson_ends_with_a_summary_that_counts() -> None:
    form = Ndjson()
    written = form.head() + b"".join(form.rows([{"summary": "火\n警"}, {}])) + form.tail(2)
    assert [json.loads(line) for line in written.splitlines()] == [
        {"summary": "火\n警"},
        {},
        {"summary": {"incidents": 2}},
    ]


def test_the_usual_columns_are_members_that_incidents_have() -> None:
    assert set(COLUMNS) <= set(SELECTABLE)
