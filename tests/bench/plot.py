"""A picture of the ratios, drawn here: a bar a bench, on a logarithmic scale, with the line at 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_ROW, _LEFT, _WIDTH, _LOWEST, _HIGHEST = 26, 330, 420, 0.1, 1000.0


def bars(rows: Sequence[Mapping[str, object]]) -> str:
    """SVG text; benches without a ratio have an absolute goal and no bar."""
    shown = [(str(row["name"]), ratio, bool(row["met"])) for row in rows if (ratio := _ratio(row)) is not None]
    height = _ROW * (len(shown) + 1)
    body = "".join(_bar(at, *each) for at, each in enumerate(shown))
    one = _place(1.0)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 70}" height="{height}"'
        f' font-family="sans-serif" font-size="13">{body}'
        f'<line x1="{one:.0f}" y1="0" x2="{one:.0f}" y2="{height - 14}" stroke="#333" stroke-dasharray="3"/>'
        f'<text x="{one:.0f}" y="{height - 2}" text-anchor="middle">1</text></svg>\n'
    )


def _ratio(row: Mapping[str, object]) -> float | None:
    ratio = row["ratio"]
    return float(ratio) if isinstance(ratio, int | float) and ratio > 0 else None


def _place(ratio: float) -> float:
    within = min(max(ratio, _LOWEST), _HIGHEST)
    return _LEFT + _WIDTH * math.log(within / _LOWEST) / math.log(_HIGHEST / _LOWEST)


def _bar(at: int, name: str, ratio: float, met: bool) -> str:  # noqa: FBT001 (a column of the row)
    top, end = at * _ROW, _place(ratio)
    return (
        f'<text x="{_LEFT - 8}" y="{top + 17}" text-anchor="end">{escape(name)}</text>'
        f'<rect x="{_LEFT}" y="{top + 4}" width="{end - _LEFT:.0f}" height="{_ROW - 8}"'
        f' fill="{"#3b7d4f" if met else "#b5482f"}"/><text x="{end + 5:.0f}" y="{top + 17}">{ratio:.2f}</text>'
    )
