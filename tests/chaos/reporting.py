"""What a run was and what it found, for a machine (report.json) and for a person (report.md)."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cli.stack.state import State
from tests.chaos.journal import Journal
from tests.chaos.settling import Calm
from tests.chaos.stack import ChaosStack

LISTED = 50
TOLD_FROM = 0.1


def report(
    seed: int, journal: Journal, stack: ChaosStack, calm: Calm, found: list[str], impossible: dict[str, str]
) -> dict[str, Any]:
    """Everything there is to say of one run."""
    return {
        "seed": seed,
        "faults": dict(Counter(f"{f['fault']} {f['target']}" for f in journal.of("fault")).most_common()),
        "faults table": table_of_faults(journal, lateness(stack, journal)),
        "faults without effect": missed(journal),
        "faults left out": impossible,
        "restarts": restarts(stack),
        "operations": operations(journal, stack),
        "troubles told": dict(Counter(f"{t['status']} {t['code']}" for t in journal.of("trouble")).most_common()),
        "latest breach seconds by the fault before it": {
            name: seconds for name, seconds in lateness(stack, journal).items() if seconds > TOLD_FROM
        },
        "servers back after seconds": round(calm.servers_back, 1),
        "drained after seconds": round(calm.drained, 1),
        "drain allowed seconds": round(calm.allowed, 1),
        "load over cores at the end": round(calm.crowding, 2),
        "cores": os.cpu_count(),
        "violations": len(found),
        "found": found[:LISTED],
    }


def operations(journal: Journal, stack: ChaosStack) -> dict[str, int]:
    """How much was done, and how much was seen of it."""
    count = {name: stack.query("dispatch", f"SELECT count(*) FROM {name}")[0][0]
             for name in ("timeline", "incident", "assignment", "breach")}  # fmt: skip
    return {
        **Counter(answer["outcome"] for answer in journal.of("answer")),
        "asked again": sum(1 for _ in journal.of("again")),
        "messages sent": sum(1 for _ in journal.of("sent")),
        "timeline": count["timeline"],
        "incidents": count["incident"],
        "assignments": count["assignment"],
        "breaches": count["breach"],
        "events on the stream": sum(1 for _ in journal.of("event")),
        "events at the witness": sum(1 for _ in journal.of("witness")),
        "gaps told": sum(1 for _ in journal.of("gap")),
    }


def missed(journal: Journal) -> list[str]:
    """Faults that had no effect: the bench's own failures."""
    return [f"{e['fault']} {e['target']} {e['seconds']:.1f} s" for e in journal.of("effect") if not e["effect"]]


def restarts(stack: ChaosStack) -> dict[str, int]:
    """How often the supervisor started each part again."""
    state = State.read(stack.at)
    return {} if state is None else {part.name: part.restarts for part in state.parts if part.restarts}


def table_of_faults(journal: Journal, latest: dict[str, float]) -> list[dict[str, Any]]:
    """By kind and target: how often, how often with effect, how much effect in all, seconds under it."""
    of: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in journal.of("effect"):
        of[f"{entry['fault']} {entry['target']}"].append(entry)
    return [
        {
            "kind": name.split()[0], "target": name.split()[1], "times": len(entries),
            "with effect": sum(bool(e["effect"]) for e in entries), "effect": sum(e["effect"] for e in entries),
            "seconds": round(sum(e["seconds"] for e in entries), 1), "latest breach seconds": latest.get(name, 0.0),
        }
        for name, entries in sorted(of.items())
    ]  # fmt: skip


def lateness(stack: ChaosStack, journal: Journal) -> dict[str, float]:
    """How late the latest breach after each fault was recorded, by the database's clock."""
    rows = stack.query(
        "dispatch", "SELECT extract(epoch FROM recorded_at)::float8, extract(epoch FROM due_at)::float8 FROM breach"
    )
    faults = [(fault["at"] + fault["judge_ahead"], f"{fault['fault']} {fault['target']}")
              for fault in journal.of("fault")]  # fmt: skip
    latest: dict[str, float] = {}
    for recorded, due in rows:
        before = next((name for at, name in reversed(faults) if at <= recorded), "no fault")
        latest[before] = max(latest.get(before, 0.0), round(recorded - due, 3))
    return latest


def write(folder: Path, told: dict[str, Any]) -> None:
    """Both forms, beside the journal."""
    (folder / "report.json").write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (folder / "report.md").write_text(markdown(told), encoding="utf-8")


HEAD = """# Faults, seed {seed}: {verdict}

{count} faults in {seconds} s. Servers were back {back} s after the last one; all was drained {drained} s later
(promised: 30 s at a load of one per core; here {allowed} s at {load}).
"""
EFFECT = """
Effect counts processes ended or frozen, connections cut, chunks held back, slowed or swallowed, alarms raised,
complaints about space in the server's log, looks at a wrong clock, messages confirmed.
"""


def markdown(told: dict[str, Any]) -> str:
    """The report as a person reads it."""
    head = HEAD.format(
        seed=told["seed"], count=sum(told["faults"].values()), seconds=told.get("seconds", "?"),
        verdict=f"**{told['violations']} violations**" if told["violations"] else "nothing was violated",
        back=told["servers back after seconds"], drained=told["drained after seconds"],
        allowed=told["drain allowed seconds"], load=told["load over cores at the end"],
    )  # fmt: skip
    lines = [head, *(f"- {each}" for each in told["found"]), ""]
    columns = ("fault", "target", "times", "had effect", "effect", "seconds", "latest breach after it, s")
    lines += [*table(columns, ([*row.values()] for row in told["faults table"])), EFFECT]
    lines += [f"{name}: {told[name]}\n" for name in ("faults without effect", "faults left out") if told[name]]
    for name in ("operations", "troubles told", "restarts"):
        lines += [*table((name, "count"), told[name].items()), ""]
    return "\n".join(lines)


def table(head: tuple[str, ...], rows: Iterable[Iterable[Any]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return [*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)]
