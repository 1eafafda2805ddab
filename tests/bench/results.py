"""What a bench found, and the files that say so: results.json, results.md, results.svg in .run/bench."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from tests.bench.bed import OUTPUT, PEERS
from tests.bench.plot import bars

PACKAGES = ("nameko", "pika", "sqlalchemy", "psycopg2-binary", "starlette", "uvicorn")
PEER_PACKAGES = ("faststream", "asyncpg", "celery", "fastapi", "procrastinate", "apscheduler")


@dataclass(frozen=True)
class Result:
    """One promise and what became of it.

    `ours`, `peers` and `limit` are in `unit`; `ratio` is what `goal` speaks of (None where the goal is absolute).
    """

    name: str
    unit: str
    ours: float
    goal: str
    met: bool
    peers: Mapping[str, float] = field(default_factory=dict)
    limit: float | None = None
    ratio: float | None = None
    note: str = ""


def write(results: Sequence[Result], loads: tuple[float, float]) -> None:
    """Replace the results of the benches that ran now and keep those of the others."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    rows = {row["name"]: row for row in _before()} | {row.name: _row(row, loads) for row in results}
    kept = [rows[name] for name in sorted(rows)]
    (OUTPUT / "results.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (OUTPUT / "results.svg").write_text(bars(kept), encoding="utf-8")
    (OUTPUT / "results.md").write_text(_markdown(kept), encoding="utf-8")


def _row(result: Result, loads: tuple[float, float]) -> dict[str, object]:
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    return {**asdict(result), "taken_at": taken, "load_before": loads[0], "load_after": loads[1]}


def _before() -> list[dict[str, object]]:
    path = OUTPUT / "results.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def _markdown(rows: Sequence[Mapping[str, object]]) -> str:
    lines = ["# Benches", "", _machine(), "", "![ratios](results.svg)", ""]
    lines += ["| bench | ours | unit | peers | limit | ratio | goal | met |", "|---|---:|---|---|---:|---:|---|---|"]
    lines += [_line(row) for row in rows]
    lines += ["", "## How each was taken", ""]
    lines += [
        f"- **{row['name']}** ({row['taken_at']}; load average {row['load_before']} before, {row['load_after']} after):"
        f" {row['note']}"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _line(row: Mapping[str, object]) -> str:
    peers = row["peers"]
    assert isinstance(peers, Mapping)
    beside = "; ".join(f"{name} {_number(value)}" for name, value in peers.items()) or "–"
    met = "yes" if row["met"] else "**no**"
    figures = [_number(row[key]) for key in ("ours", "limit", "ratio")]
    cells = (row["name"], figures[0], row["unit"], beside, *figures[1:], row["goal"], met)
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _number(value: object) -> str:
    if not isinstance(value, int | float):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _machine() -> str:
    own = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = next((r.split(":")[1].strip() for r in _lines(Path("/proc/cpuinfo")) if r.startswith("model name")), "?")
    return (
        f"Machine: {os.cpu_count()} cores of {model}, {memory:.0f} GiB, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}. Load averages above the number of cores mean that others worked here at"
        " the same time: runs are interleaved, figures are medians, and the ratios say more than the rates.\n\n"
        f"Versions: {own}; peers: {_peer_versions()}; {_tool('postgres', '--version')};"
        f" RabbitMQ {_tool('rabbitmqctl', 'version')}."
    )


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _peer_versions() -> str:
    code = f"from importlib.metadata import version as v; print(', '.join(n + ' ' + v(n) for n in {PEER_PACKAGES!r}))"
    return _tool(PEERS, "-c", code)


def _tool(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return f"{command[0]} ?"
