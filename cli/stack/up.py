"""`wangge up`: everything runs when it returns, and running it again changes nothing."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cli.stack import packages, process
from cli.stack.instance import Instance
from cli.stack.packages import MisconfiguredError, StackError
from cli.stack.plan import make_plan, read_plan
from cli.stack.state import PartState, State

Say = Callable[[str], None]


def up(instance: Instance, *, say: Say, within: float = 180.0, parts_file: Path | None = None) -> State:
    """Start what does not run, wait until all is ready and return the state.

    Raises StackError with the reason (and the end of the log) when a part will not come up.
    """
    instance.make_directory()
    with instance.locked():
        state = State.read(instance)
        if state is None or not state.supervised:
            start_supervisor(instance, say, parts_file)
        elif not state.ready and state.supervisor is not None:
            process.send(state.supervisor, signal.SIGHUP)  # settings may have been mended: try what was given up
            wait_for(instance, lambda latest: latest.tries > state.tries)
        return follow(instance, say, within)


def start_supervisor(instance: Instance, say: Say, parts_file: Path | None) -> None:
    packages_needed(say)
    clean(instance)
    plan = make_plan(instance, parts_file, os.environ)
    if plan.postgres is not None and not plan.postgres.data.is_relative_to(instance.checkout):
        say(
            f"数据库目录 · PostgreSQL does not run as root, and its account cannot enter this checkout: "
            f"the data lives in {plan.postgres.data}"
        )
    command = [sys.executable, "-m", "cli.stack.supervisor", instance.name]
    child = process.spawn(command, log=instance.log("supervisor"), env=os.environ, cwd=instance.checkout)
    identity = process.started(child)
    wait_for(instance, lambda state: state.supervisor == identity)


def wait_for(instance: Instance, written: Callable[[State], bool], within: float = 20.0) -> None:
    """Wait until the supervisor has written such a state."""
    until = time.monotonic() + within
    while (state := State.read(instance)) is None or not written(state):
        if time.monotonic() > until:
            log = instance.log("supervisor")
            raise StackError(f"the supervisor does not answer; the end of {log}:\n{process.last_lines(log)}")
        time.sleep(process.POLL_SECONDS)


def packages_needed(say: Say) -> None:
    """Install the servers unless both are given."""
    if not (os.environ.get("AMQP_URL") and os.environ.get("DATABASE_URL")):
        packages.ensure_installed(say)


def clean(instance: Instance) -> None:
    """End parts that a dead supervisor left behind. Servers stay: they are adopted."""
    for identity in list(process.marked(instance.mark)):
        process.stop(identity, within=5)
    State.remove(instance)


def follow(instance: Instance, say: Say, within: float) -> State:
    """Say what becomes ready until everything is; raise when something was given up or time is over."""
    until = time.monotonic() + within
    told: dict[str, str] = {}
    while True:
        state = State.read(instance)
        if state is None or not state.supervised:
            log = instance.log("supervisor")
            raise StackError(f"the supervisor ended; the end of {log}:\n{process.last_lines(log)}")
        tell(state, told, say)
        if state.ready:
            return state
        if given_up := [p for p in state.parts if p.state == "misconfigured"]:
            raise MisconfiguredError(explain(instance, given_up))
        if time.monotonic() > until:
            raise StackError(explain(instance, [p for p in state.parts if p.state not in {"ready", "done", "waiting"}]))
        time.sleep(0.1)


def tell(state: State, told: dict[str, str], say: Say) -> None:
    for part in state.parts:
        news = f"{part.state} {part.restarts}" if part.state == "backing_off" else part.state
        if told.get(part.name) == news or part.state == "waiting":
            continue
        first = part.name not in told
        told[part.name] = news
        if part.state in {"ready", "done"}:
            took = "" if first or part.since is None else f"  {time.time() - part.since:.1f} s"
            say(f"  {part.name:<18} {LABELS[part.state]}{took}")
        elif part.state in {"backing_off", "misconfigured"}:
            say(f"  {part.name:<18} {LABELS[part.state]}  ({part.last_exit})")


LABELS = {
    "waiting": "等待 waiting",
    "starting": "启动中 starting",
    "ready": "就绪 ready",
    "unready": "未就绪 unready",
    "done": "完成 done",
    "backing_off": "退避重启 backing off",
    "misconfigured": "配置错误 misconfigured",
    "stopped": "已停 stopped",
}


def explain(instance: Instance, parts: list[PartState]) -> str:
    """What is wrong with each part, with the end of its log."""
    lines = ["not everything came up (the rest goes on running; `wangge status`, `wangge down`):"]
    for part in parts:
        log = instance.log(part.name)
        lines += [f"{part.name}: {LABELS[part.state]} ({part.last_exit}); the end of {log}:", process.last_lines(log)]
    return "\n".join(lines)


def greeting(instance: Instance, state: State) -> str:
    """What a person needs next."""
    plan = read_plan(instance)
    token = "" if plan is None else plan.secrets["token"]
    option = "" if instance.name == "default" else f" --instance {instance.name}"
    return (
        f"网格已就绪 · Wangge is up: {state.address}   (docs: {state.address}/docs)\n"
        f"开发令牌 · development token: {token}\n"
        f"停止 · stop with: wangge down{option}   ·  状态 · look: wangge status{option}"
    )
