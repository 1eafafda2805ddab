"""`wangge status`: what the supervisor wrote, checked against the live processes, and figures from the servers."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import Any

from cli.stack.figures import read_figures, read_intake
from cli.stack.instance import Instance
from cli.stack.plan import read_plan
from cli.stack.state import PartState, State
from cli.stack.up import LABELS

ALL_READY, NOT_READY, NOT_UP = 0, 1, 3
GOOD = {"ready", "done"}


def read_status(instance: Instance) -> dict[str, Any]:
    """Everything as JSON; `exit_code` is what the command ends with."""
    state, plan = State.read(instance), read_plan(instance)
    if state is None or plan is None:
        return {"instance": instance.name, "up": False, "parts": [], "exit_code": NOT_UP}
    figures = read_figures(plan)
    return {
        "instance": instance.name,
        "up": state.supervised,
        "address": state.address,
        "places": state.places,
        "supervisor": None if state.supervisor is None else state.supervisor.pid,
        "parts": describe_parts(state),
        **figures.as_json(),
        "intake": read_intake(state.address),
        "exit_code": ALL_READY if state.ready else NOT_READY if state.supervised else NOT_UP,
    }


def describe_parts(state: State) -> list[dict[str, Any]]:
    return [_describe(part) for part in state.parts]


def _describe(part: PartState) -> dict[str, Any]:
    alive = part.identity is not None and part.identity.alive()
    since = datetime.fromtimestamp(part.since, UTC).isoformat(timespec="seconds") if part.since and alive else None
    return {
        "name": part.name,
        "kind": part.kind,
        # The file may be older than a death: what is not alive is not ready.
        "state": part.state if alive or part.state not in {"ready", "unready", "starting"} else "gone",
        "ready": part.state in GOOD and (alive or part.kind == "task"),
        "pid": part.identity.pid if part.identity is not None and alive else None,
        "since": since,
        "up_seconds": round(time.time() - part.since, 1) if part.since and alive else None,
        "restarts": part.restarts,
        "last_exit": part.last_exit,
        "port": part.port,
    }


def show(report: dict[str, Any]) -> None:
    """Print the report for a person; colours only on a terminal."""
    from rich.console import Console

    # Into a pipe or a file a line is as long as it is.
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)
    if not report["parts"]:
        console.print(f"{report['instance']}: 未启动 not up")
        return
    up = "" if report["up"] else "   [red]监督进程不在 supervisor is gone: wangge up[/red]"
    console.print(f"网格 Wangge {report['instance']}  {report['address']}{up}")
    console.print(_parts_table(report["parts"]))
    _show_figures(console, report)
    for name, place in report["places"].items():
        console.print(f"[dim]{name:<9}{place}[/dim]")


def _parts_table(parts: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("部件 part", "状态 state", "pid", "已运行 up", "重启 restarts", "端口 port", "上次退出 last exit"):
        table.add_column(title)
    for part in parts:
        colour = "green" if part["ready"] else "yellow" if part["state"] in {"waiting", "starting"} else "red"
        label = LABELS.get(part["state"], "已不在 gone")
        table.add_row(
            part["name"],
            f"[{colour}]{label}[/{colour}]",
            str(part["pid"] or "-"),
            duration(part["up_seconds"]),
            str(part["restarts"]),
            str(part["port"] or "-"),
            ""
            if part["kind"] == "task"
            else (part["last_exit"] or "").splitlines()[0:1][0]
            if part["last_exit"]
            else "",
        )
    return table


def last_exit(part: dict[str, Any]) -> str:
    """One line; a task that is done has nothing to explain."""
    if part["state"] == "done" or not part["last_exit"]:
        return ""
    return str(part["last_exit"]).splitlines()[0]


def _show_figures(console: Any, report: dict[str, Any]) -> None:
    if report["queues"] is None:
        console.print("队列 queues: 未知 unknown")
    for queue in report["queues"] or ():
        if queue["messages"] or (not queue["name"].endswith(".dead") and ".retry." not in queue["name"]):
            console.print(
                f"队列 queue   {queue['name']:<44}{queue['messages']:>8}  消费者 consumers {queue['consumers']}"
            )
    _show_intake(console, report["intake"])
    for outbox in report["outboxes"]:
        if outbox is not None:
            oldest = "-" if outbox["oldest_seconds"] is None else f"{outbox['oldest_seconds']:.1f} s"
            console.print(f"发件箱 outbox {outbox['service']:<43}{outbox['messages']:>8}  最久 oldest {oldest}")
    if report["stream_messages"] is not None:
        console.print(f"事件流 stream events {report['stream_messages']}")
    if report["dead_letters"] is not None:
        colour = "red" if report["dead_letters"] else "green"
        console.print(f"死信 dead letters [{colour}]{report['dead_letters']}[/{colour}]")


def _show_intake(console: Any, intake: dict[str, Any] | None) -> None:
    """Calls that were taken while dispatch was away; nothing is said where the gateway is not there to ask."""
    if intake is not None:
        colour = "yellow" if intake["waiting"] else "green"
        oldest = f"{intake['oldest_seconds']:.1f} s" if intake["waiting"] else "-"
        console.print(f"暂存受理 taken calls [{colour}]{intake['waiting']}[/{colour}]  最久 oldest {oldest}")


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: 12 s, 3 min, 2 h 5 min."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
