"""NDJSON into lines."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.streams.lines import Line, LineSplitter


def split(body: bytes, cuts: list[int], limit: int = 1000) -> list[Line]:
    splitter = LineSplitter(limit)
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    found = [line for start, end in pairwise(edges) for line in splitter.feed(body[start:end])]
    return found + list(splitter.end())


@given(
    st.lists(st.dictionaries(st.text(max_size=8), st.integers(-9, 9), max_size=3), max_size=12),
    st.lists(st.integers(min_value=0), max_size=8),
    st.sampled_from([b"", b"\n", b"\n\n"]),
)
def test_lines_are_the_same_however_the_body_is_cut(entries: list[dict[str, int]], cuts: list[int], end: bytes) -> None:
    body = b"\n".join(json.dumps(entry).encode() for entry in entries) + end
    found = split(body, cuts)
    assert [line.command for line in found] == entries
    assert [line.number for line in found] == list(range(1, len(entries) + 1))


@given(st.binary(max_size=400), st.lists(st.integers(min_value=0), max_size=8))
def test_no_bytes_whatever_break_the_splitter_and_every_line_is_answered_once(body: bytes, cuts: list[int]) -> None:
    found = split(body, cuts, limit=40)
    filled = [number for number, piece in enumerate(body.split(b"\n"), 1) if piece.strip() or len(piece) > 40]
    assert [line.number for line in found] == filled
    assert all((line.command is None) != (line.error is None) for line in found)


def test_a_line_past_the_limit_is_refused_and_the_next_one_is_read() -> None:
    body = b'{"a":"' + b"x" * 5000 + b'"}\n{"b":1}'
    first, second = split(body, list(range(0, 5000, 100)))
    assert first.error is not None
    assert (first.error.code, first.error.extra) == ("payload_too_large", {"limit_bytes": 1000})
    assert second.command == {"b": 1}


def test_a_line_exactly_at_the_limit_is_read() -> None:
    body = b'{"a":"' + b"x" * (1000 - 8) + b'"}'
    assert len(body) == 1000
    (line,) = split(body + b"\n", [])
    assert line.command is not None
