"""`python -m deploy.observability.pictures URL`: the dashboards as pictures, from any Prometheus.

For a look at them where no Grafana is, and for a proof that each panel's queries find something: one SVG a dashboard,
panels where Grafana puts them, the last minutes as Prometheus has them.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from deploy.observability.dashboards import DASHBOARDS, Dashboard, Panel

SCALE, ROW_PIXELS, LINE_PIXELS = 48, 236, 14
MOST_LEGENDS, MOST_FIGURES = 6, 8
INK = ("#2f7ed8", "#d9822b", "#3a9d5d", "#a33e9b", "#c23b22", "#6b7280", "#0e7c86", "#8d6e00")
UNITS = {
    "s": (1.0, " s"),
    "percentunit": (100.0, " %"),
    "bytes": (1 / 2**20, " MiB"),
    "reqps": (1.0, "/s"),
    "ops": (1.0, "/s"),
}
Series = list[tuple[str, list[tuple[float, float]]]]
"""Legend and points (Unix seconds, value)."""


@dataclass(frozen=True)
class Prometheus:
    """Where to ask, and which span: Unix seconds."""

    url: str
    begin: float
    end: float

    @property
    def step(self) -> float:
        """Seconds between two points."""
        return max(1.0, (self.end - self.begin) / 240)

    def series(self, panel: Panel) -> Series:
        """What a panel's queries find. Raises OSError when Prometheus does not answer or cannot read one."""
        return [each for legend, query in panel.queries.items() for each in self._found(legend, query)]

    def _found(self, legend: str, query: str) -> Iterator[tuple[str, list[tuple[float, float]]]]:
        asked = {
            "query": query.replace("$__rate_interval", "30s"), "start": self.begin, "end": self.end, "step": self.step,
        }  # fmt: skip
        with urlopen(f"{self.url}/api/v1/query_range?{urlencode(asked)}", timeout=10) as answer:  # noqa: S310 (the operator's own address)
            found = json.load(answer)["data"]["result"]
        for each in found:
            points = [(float(at), float(value)) for at, value in each["values"]]
            numbers = [(at, value) for at, value in points if math.isfinite(value)]
            if numbers:
                yield named(legend, each["metric"]), numbers


def named(legend: str, labels: Mapping[str, str]) -> str:
    """The legend with the labels' values in it, as Grafana writes it."""
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), legend)


def picture(dashboard: Dashboard, found: Mapping[str, Series], span: tuple[float, float]) -> str:
    """SVG text of a dashboard; `found` by panel title."""
    height = ROW_PIXELS * len(dashboard.rows) + 40
    wide = 24 * SCALE
    body = [f'<text x="12" y="26" font-size="18" font-weight="bold">{escape(dashboard.title)}</text>']
    for at, row in enumerate(dashboard.rows):
        width = wide / len(row)
        for index, panel in enumerate(row):
            # An SVG of its own: what is too long for it is cut off at its edge.
            place = (
                f'<svg x="{index * width:.0f}" y="{at * ROW_PIXELS + 40}" width="{width:.0f}" height="{ROW_PIXELS}">'
            )
            body += [place, *_panel(panel, found[panel.title], span, width - 10), "</svg>"]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{height}" viewBox="0 0 {wide} {height}"'
        f' font-family="Noto Sans CJK SC, sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(body)}</svg>\n"
    )


def _panel(panel: Panel, series: Series, span: tuple[float, float], width: float) -> Iterator[str]:
    yield f'<rect x="5" y="0" width="{width:.0f}" height="{ROW_PIXELS - 10}" fill="none" stroke="#d0d5dd"/>'
    yield f'<text x="14" y="18" font-weight="bold">{escape(panel.title)}</text>'
    if not series:
        yield '<text x="14" y="110" fill="#6b7280">没有数据 · no data</text>'
    elif panel.kind == "stat":
        yield from _figures(panel, series)
    else:
        yield from _lines(panel, series, span, width)


def _figures(panel: Panel, series: Series) -> Iterator[str]:
    for index, (legend, points) in enumerate(series[:MOST_FIGURES]):
        value = points[-1][1]
        colour = [paint for above, paint in panel.steps if above is None or value >= above][-1]
        y = 44 + index * 22
        yield f'<text x="14" y="{y}">{escape(legend)}</text><text x="230" y="{y}" font-size="17" fill="{colour}">{said(value, panel.unit)}</text>'
    if len(series) > MOST_FIGURES:
        yield f'<text x="300" y="{44 + 22 * (MOST_FIGURES - 1)}">… +{len(series) - MOST_FIGURES}</text>'


def _lines(panel: Panel, series: Series, span: tuple[float, float], width: float) -> Iterator[str]:
    left, right, top = 62.0, width - 8, 30.0
    bottom = ROW_PIXELS - 26.0 - LINE_PIXELS * min(len(series), MOST_LEGENDS)
    highest = max(value for _, points in series for _, value in points) or 1.0
    for share in (0.0, 0.5, 1.0):
        y = bottom - share * (bottom - top)
        yield f'<line x1="{left}" x2="{right:.0f}" y1="{y:.0f}" y2="{y:.0f}" stroke="#e5e7eb"/>'
        yield f'<text x="{left - 4}" y="{y + 4:.0f}" text-anchor="end" font-size="10">{said(share * highest, panel.unit)}</text>'
    ranked = sorted(series, key=lambda each: -each[1][-1][1])
    for index, (legend, points) in enumerate(ranked):
        ink = INK[index % len(INK)]
        path = _path(points, span, (left, right), (bottom, top), highest)
        thick = 1.6 if len(points) > 1 else 5  # a single point is a dot
        yield (
            f'<polyline fill="none" stroke="{ink}" stroke-width="{thick}" stroke-linecap="round"'
            f' points="{path if len(points) > 1 else f"{path} {path}"}"/>'
        )
        if index < MOST_LEGENDS:
            y = bottom + 14 + index * LINE_PIXELS
            more = f" … +{len(ranked) - MOST_LEGENDS}" if index == MOST_LEGENDS - 1 < len(ranked) - 1 else ""
            yield f'<text x="{left}" y="{y:.0f}" font-size="10" fill="{ink}">{escape(legend)}: {said(points[-1][1], panel.unit)}{more}</text>'


def _path(
    points: Sequence[tuple[float, float]], span: tuple[float, float], across: tuple[float, float],
    up: tuple[float, float], highest: float,
) -> str:  # fmt: skip
    begin, end = span
    (left, right), (bottom, top) = across, up
    return " ".join(
        f"{left + (at - begin) / (end - begin) * (right - left):.1f},{bottom - value / highest * (bottom - top):.1f}"
        for at, value in points
    )


def said(value: float, unit: str) -> str:
    """A figure with its unit, three digits that matter."""
    factor, word = UNITS.get(unit, (1.0, ""))
    return f"{value * factor:.3g}{word}"


def draw(url: str, minutes: float, folder: Path) -> dict[str, bool]:
    """Write a picture a dashboard into `folder`; by panel title, whether its queries found anything. Raises OSError."""
    end = time.time()
    asked = Prometheus(url.rstrip("/"), end - minutes * 60, end)
    folder.mkdir(parents=True, exist_ok=True)
    told: dict[str, bool] = {}
    for dashboard in DASHBOARDS:
        found = {panel.title: asked.series(panel) for panel in dashboard.panels}
        told |= {title: bool(series) for title, series in found.items()}
        svg = picture(dashboard, found, (asked.begin, asked.end))
        (folder / f"{dashboard.uid}.svg").write_text(svg, encoding="utf-8")
    return told


def main() -> None:
    """Draw them, and say which panels found nothing."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.observability.pictures", description=__doc__,
        epilog="example: python -m deploy.observability.pictures http://127.0.0.1:9090 --minutes 30",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("url", help="a Prometheus that scrapes an installation")
    parser.add_argument("--minutes", type=float, default=15.0, help="how far back (15)")
    parser.add_argument("--folder", type=Path, default=Path(".run/dashboards"), help="where to (.run/dashboards)")
    asked = parser.parse_args()
    empty = [title for title, found in draw(asked.url, asked.minutes, asked.folder).items() if not found]
    sys.stdout.write(f"{asked.folder}/*.svg; 没有数据 · without data: {', '.join(empty) or '-'}\n")


if __name__ == "__main__":
    main()
