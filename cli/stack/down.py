"""`wangge down`: stops what `up` started, and nothing else; with `destroy` the data goes too."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from cli.stack import process
from cli.stack.instance import Instance
from cli.stack.plan import ELSEWHERE, Plan, read_plan
from cli.stack.state import State

Say = Callable[[str], None]
SUPERVISOR_SECONDS = 40  # its parts have 20 s to drain


def down(instance: Instance, *, say: Say, destroy: bool = False) -> bool:
    """Stop parts, then servers. False when nothing of this instance was running."""
    if not instance.directory.exists():
        return False
    with instance.locked():
        found = [stop_supervisor(instance, say), stop_orphans(instance, say)]
        if (plan := read_plan(instance)) is not None:
            found.append(stop_servers(plan, say))
        State.remove(instance)
    if destroy:
        remove_data(instance, plan, say)
    return any(found)


def stop_supervisor(instance: Instance, say: Say) -> bool:
    state = State.read(instance)
    if state is None or state.supervisor is None or not state.supervised:
        return False
    said: set[str] = set()
    process.send(state.supervisor, signal.SIGTERM)
    until = time.monotonic() + SUPERVISOR_SECONDS
    while state.supervisor.alive() and time.monotonic() < until:
        latest = State.read(instance) or state
        for part in latest.parts:
            if part.state == "stopped" and part.name not in said:
                say(f"  {part.name:<18} 已停 stopped")
                said.add(part.name)
        process.wait_gone(state.supervisor, 0.1)
    process.stop(state.supervisor, within=1)
    return True


def stop_orphans(instance: Instance, say: Say) -> bool:
    """Parts whose supervisor died in a way that left them."""
    orphans = list(process.marked(instance.mark))
    for identity in orphans:
        process.stop(identity, within=20)
        say(f"  process {identity.pid:<10} 已停 stopped")
    return bool(orphans)


def stop_servers(plan: Plan, say: Say) -> bool:
    """The private servers, known by their data directories; given ones are not ours to stop."""
    found = False
    if (broker := plan.broker) is not None:
        if (node := broker.running()) is not None:
            broker.stop(node)
            say(f"  {'broker':<18} 已停 stopped")
            found = True
        if (epmd := broker.epmd_running()) is not None:
            process.stop(epmd, within=5)
            found = True
    if (cluster := plan.postgres) is not None and (postmaster := cluster.running()) is not None:
        cluster.stop(postmaster)
        say(f"  {'postgres':<18} 已停 stopped")
        found = True
    return found


def remove_data(instance: Instance, plan: Plan | None, say: Say) -> None:
    """Delete `.run/NAME` and the cluster, wherever it lives, also those that earlier secrets made elsewhere."""
    targets = [instance.directory, *ELSEWHERE.glob(f"{instance.digest}-*")]
    if plan is not None and plan.postgres is not None:
        targets.append(plan.postgres.data)
    for target in targets:
        if Path(target).exists():
            shutil.rmtree(target)
            say(f"  已删除 deleted {target}")
