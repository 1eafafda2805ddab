"""The 115 report of one replay, for a person and for a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.stages import STAGES, TARGETS

FIGURES = ("count", "within", "p50", "p90", "p99")
BAR = 24


def figures(report: Mapping[str, Any]) -> dict[str, Any]:
    """The total row of `GET /v1/sla/report` with just the keys that an independent oracle of the file prints."""
    total = report["groups"][0] if report["groups"] else {}
    result: dict[str, Any] = {"incidents": total.get("incidents", 0)}
    for stage in STAGES:
        figure = total.get(stage) or {}
        result[stage] = {name: figure.get(name, 0 if name in ("count", "within") else None) for name in FIGURES}
    return result


def draw(result: Mapping[str, Any]) -> list[str]:
    """The figures as lines of text, each compliance as a bar."""
    lines = [f"115 报告 report: {result['incidents']} 起警情 incidents"]
    for stage, zh in STAGES.items():
        row = result[stage]
        if not row["count"]:
            lines.append(f"  {zh} {stage:<7} 无数据 no data")
            continue
        share = row["within"] / row["count"]
        bar = ("█" * round(share * BAR)).ljust(BAR, "░")
        target = f"≤ {TARGETS[stage]} s"
        lines.append(
            f"  {zh} {stage:<7}{target:>8}  {bar} {share:6.1%}  {row['within']}/{row['count']}"
            f"  p50 {row['p50']:g} s  p90 {row['p90']:g} s  p99 {row['p99']:g} s"
        )
    return lines
