"""Draw the live board: the open incidents with their running clocks, and the 115 figures so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.stages import STAGES
from contracts.dispatch.codes import SKILLS

STATES = {
    "received": "已接报",
    "pushed": "已推送",
    "assigned": "已下派",
    "en_route": "在途",
    "on_scene": "在场",
    "resolved": "已处置",
    "closed": "已办结",
    "archived": "已归档",
    "cancelled": "已取消",
    "merged": "已并案",
}
TITLE = "网格 · 县域警情联动"
BAR = 20
WARN = 0.8
BACKFILLED = Text("补录 told afterwards", style="dim")


def seconds_between(earlier: str, later: datetime) -> float:
    """Seconds from an RFC 3339 time to `later`."""
    return (later - datetime.fromisoformat(earlier)).total_seconds()


def running_clock(incident: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The clock that is due first among those not yet met, or None."""
    clocks = [
        clock for clock in incident["clocks"] if clock["state"] in ("running", "breached") and not clock.get("met_at")
    ]
    return min(clocks, key=lambda clock: clock["due_at"], default=None)


def clock_text(clock: Mapping[str, Any] | None, now: datetime) -> Text:
    """`推送 00:42/01:00` with a bar, yellow from the warning on, red once it is late."""
    if clock is None:
        return Text("—", style="dim")
    target = float(clock["target_seconds"])
    gone = max(0.0, seconds_between(clock["started_at"], now))
    share = gone / target if target else 1.0
    style = "bold red" if share >= 1 else "yellow" if share >= WARN else "green"
    filled = min(BAR, int(share * BAR))
    late = f"  超时 late {_minutes(gone - target)}" if share >= 1 else ""
    stage = STAGES.get(clock["stage"], clock["stage"])
    return Text(f"{stage} {'█' * filled}{'░' * (BAR - filled)} {_minutes(gone)}/{_minutes(target)}{late}", style=style)


def board(snapshot: Mapping[str, Any], *, title: str, rows: int) -> RenderableType:
    """The whole board for one answer of `GET /v1/board`; at most `rows` incidents."""
    now = datetime.fromisoformat(snapshot["now"])
    return Group(
        _heading(snapshot, title, now), _figures(snapshot["figures"]), _incidents(snapshot["open_incidents"], now, rows)
    )


def plain(snapshot: Mapping[str, Any]) -> Iterable[str]:
    """The board as lines, for where there is no terminal."""
    now = datetime.fromisoformat(snapshot["now"])
    late = sum(_is_late(incident, now) for incident in snapshot["open_incidents"])
    figures = "  ".join(f"{zh} {_share(snapshot['figures'][stage])}" for stage, zh in STAGES.items())
    yield f"{now:%H:%M:%S}Z 未结 open {len(snapshot['open_incidents'])} (超时 late {late})  115: {figures}"


def _heading(snapshot: Mapping[str, Any], title: str, now: datetime) -> Text:
    counts = "  ".join(f"{STATES.get(state, state)} {count}" for state, count in snapshot["counts"].items())
    return Text.assemble((title, "bold"), f"   {now:%Y-%m-%d %H:%M:%S}Z   ", (counts, "cyan"))


def _figures(figures: Mapping[str, Any]) -> Table:
    table = Table(
        title="警情 115 · one minute to push, one to assign, five to be on scene", title_justify="left", expand=False
    )
    for column in ("阶段 stage", "件 count", "达标 within", "", "p50 s", "p90 s", "p99 s"):
        table.add_column(column, justify="left" if column in ("阶段 stage", "") else "right")
    for stage, zh in STAGES.items():
        row = figures[stage]
        share = row["within"] / row["count"] if row["count"] else 0.0
        bar = Text("█" * round(share * BAR), style="green") + Text("░" * (BAR - round(share * BAR)), style="dim")
        numbers = [f"{row[name]:.0f}" if row[name] is not None else "—" for name in ("p50", "p90", "p99")]
        table.add_row(f"{zh} {stage}", str(row["count"]), _share(row), bar, *numbers)
    return table


def _incidents(incidents: Iterable[Mapping[str, Any]], now: datetime, rows: int) -> Table:
    # What was told long after it happened runs no clock: it stands last.
    everything = sorted(incidents, key=lambda incident: incident["backfill"])
    table = Table(title=f"未结警情 open incidents: {len(everything)}", title_justify="left", expand=True)
    for column in ("编号 number", "类别 category", "级 pri", "状态 state", "网格 grid", "队 teams", "时钟 clock"):
        table.add_column(column, no_wrap=True)
    for incident in everything[:rows]:
        reference = incident.get("reference") or {}
        drill = "【演练 DRILL】" if incident["exercise"] else ""
        teams = [
            item
            for item in incident["assignments"]
            if item["state"] in ("assigned", "accepted", "en_route", "on_scene")
        ]
        table.add_row(
            reference.get("number") or incident["incident_id"][:8],
            drill + (incident.get("category_zh") or incident["category"]),
            str(incident["priority"]),
            STATES.get(incident["state"], incident["state"]),
            incident["grid_code"] or "—",
            _sent(len(teams), incident.get("missing_skills", ())),
            BACKFILLED if incident["backfill"] else clock_text(running_clock(incident), now),
        )
    return table


def _sent(teams: int, missing: Sequence[str]) -> Text:
    """How many teams are on it, and in red what nobody of them can do, in words."""
    if not (teams and missing):
        return Text(str(teams))
    words = "、".join(SKILLS[skill].zh if skill in SKILLS else skill for skill in missing)
    return Text.assemble(f"{teams} ", (f"缺{words}", "bold red"))


def _is_late(incident: Mapping[str, Any], now: datetime) -> bool:
    clock = None if incident["backfill"] else running_clock(incident)
    return clock is not None and datetime.fromisoformat(clock["due_at"]) < now


def _share(row: Mapping[str, Any]) -> str:
    return f"{row['within'] / row['count']:.1%}" if row["count"] else "—"


def _minutes(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 60:02d}:{whole % 60:02d}" if whole < 3600 else f"{whole // 3600}h{whole % 3600 // 60:02d}"
