"""`wangge sla`: the 115 report of a running stack."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from cli.stages import STAGES


@click.command(
    epilog="Examples:\n\n  wangge sla\n\n  wangge sla --by centre --from 2026-01-01T00:00:00+08:00\n\n"
    "  wangge sla --by hour --json"
)
@click.option("--from", "since", metavar="TIME", help="Received from then on (RFC 3339).")
@click.option("--to", "until", metavar="TIME", help="Received before then.")
@click.option(
    "--by", default="total", show_default=True, help="total, town, community, grid, category, centre, hour, …"
)
@click.option("--prefix", metavar="CODE", help="Only under this grid code.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--instance", default="default", show_default=True, metavar="NAME", help="Which local stack.")
def sla(instance: str, *, as_json: bool, **asked: str | None) -> None:
    """115 时效报告 / the 115 report: counts, within target, percentiles in seconds."""
    from cli.api import ApiError, connect, get

    names = {"since": "from", "until": "to", "by": "by", "prefix": "prefix"}
    try:
        with connect(instance) as client:
            report = get(client, "/v1/sla/report", **{names[key]: text for key, text in asked.items() if text})
    except ApiError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    click.echo(json.dumps(report, ensure_ascii=False)) if as_json else show(report)


def show(report: dict[str, Any]) -> None:
    """One line per group and interval; colours only on a terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("分组 group", "环节 interval", "件数 count", "达标 within", "%", "p50 s", "p90 s", "p99 s"):
        table.add_column(title, justify="left" if title[0] in "分环" else "right")
    for group in report["groups"]:
        for name, label in STAGES.items():
            table.add_row(group["key"], f"{label} {name}", *cells(group[name]))
    Console(highlight=False, width=None if sys.stdout.isatty() else 120).print(table)


def cells(interval: dict[str, Any]) -> list[str]:
    """One interval's figures as text; a dash where there is nothing to say."""
    share = f"{100 * interval['within'] / interval['count']:.1f}" if interval["count"] else "-"
    percentiles = ["-" if interval[p] is None else f"{interval[p]:.1f}" for p in ("p50", "p90", "p99")]
    return [str(interval["count"]), str(interval["within"]), share, *percentiles]
