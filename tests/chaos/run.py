"""`python -m tests.chaos.run --seed S --minutes M`: faults under load, then a verdict from the outside.

Exit code 0 when nothing was violated; the report is .run/chaos/report.json beside the journal.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.stack.instance import CHECKOUT
from tests.chaos import checker, settling
from tests.chaos.broken import BREAKAGES
from tests.chaos.faults import Fault, Injector, draw, draw_short
from tests.chaos.journal import Journal
from tests.chaos.load import Load
from tests.chaos.messages import Partner
from tests.chaos.stack import TARGETS, ChaosStack
from tests.chaos.watching import StreamReader, Witness
from tests.support.eventually import eventually

FOLDER = CHECKOUT / ".run" / "chaos"
LISTED = 50
TOLD_FROM = 0.1


@dataclass(frozen=True)
class Asked:
    """One run. `breakage` is one of tests.chaos.broken: dispatch's processes with a mistake that must be found."""

    seed: int
    faults: list[Fault]
    folder: Path = FOLDER
    workers: int = 10
    breakage: str | None = None
    keep: bool = False


def run(asked: Asked) -> dict[str, Any]:
    """The report of one run on a stack of its own, which is gone afterwards."""
    for given in ("AMQP_URL", "DATABASE_URL"):
        os.environ.pop(given, None)
    journal = Journal(asked.folder / "journal.jsonl")
    stack = ChaosStack(f"chaos-{os.getpid()}", breakage=asked.breakage)
    began = time.monotonic()
    try:
        stack.start()
        say(began, f"stack is up: {stack.plan.address}")
        report = _under_faults(asked, stack, journal, began)
    finally:
        if not asked.keep:
            stack.close()
        journal.close()
    report["seconds"] = round(time.monotonic() - began, 1)
    (asked.folder / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    return report


def _under_faults(asked: Asked, stack: ChaosStack, journal: Journal, began: float) -> dict[str, Any]:
    reader, witness, load = StreamReader(stack, journal), Witness(stack, journal), Load(stack, journal, asked.seed)
    load.workers = asked.workers
    witness.start()
    reader.start()
    stack.fill()
    grids = grid_tree(stack)
    say(began, "the county is filled; load begins")
    load.start()
    injector = Injector(stack, journal, Partner(stack, journal, asked.seed))
    for number, fault in enumerate(asked.faults, 1):
        say(began, f"{number:>3}/{len(asked.faults)} {fault}")
        injector.inject(fault)
    load.stop()
    stack.hurry()
    back_after = settling.servers_back(stack)
    drained_after, left = settling.drained(stack)
    say(began, f"servers are back after {back_after:.1f} s; drained {drained_after:.1f} s later {left or ''}")
    load.join(within=90)
    found = [f"drained: {each}" for each in left] + [f"at rest: {each}" for each in settling.run_out(stack)]
    _wait_for_the_onlookers(stack, journal)
    reader.stop()
    witness.stop()
    found += _verdict(stack, journal, grids)
    return _report(asked, journal, drained_after, found, stack)


def _wait_for_the_onlookers(stack: ChaosStack, journal: Journal) -> None:
    """Reader and witness may have just reconnected; what they have not seen after this they will never see."""
    total = stack.query("dispatch", "SELECT count(*) FROM timeline")[0][0]

    def seen(kind: str) -> bool:
        return len({(e["subject"], e["sequence"]) for e in journal.of(kind) if ".incident." in e["type"]}) >= total

    try:
        eventually(lambda: seen("event") and seen("witness"), within=20, every=0.5)
    except AssertionError:
        return  # the checker says what is missing


def _verdict(stack: ChaosStack, journal: Journal, grids: list[Any]) -> list[str]:
    evidence = checker.gather(stack, journal, TARGETS, settling.dead_ids(stack))
    found = checker.violations(evidence)
    code, words = stack.audit()
    if code:
        found.append(f"audit_verify: {words}")
    if grid_tree(stack) != grids:
        found.append("grid_tree: doubled and reordered events changed what dispatch knows of the county")
    return found


def grid_tree(stack: ChaosStack) -> list[Any]:
    """What dispatch knows of the county, by SQL."""
    return [
        stack.query("dispatch", f"SELECT {key}, version, retired FROM {table} ORDER BY 1")
        for key, table in (("code", "grid_node"), ("code", "centre"))
    ]


def _report(
    asked: Asked, journal: Journal, drained_after: float, found: list[str], stack: ChaosStack
) -> dict[str, Any]:
    return {
        "seed": asked.seed,
        "faults": dict(Counter(f"{f['fault']} {f['target']}" for f in journal.of("fault")).most_common()),
        "operations": {
            **Counter(answer["outcome"] for answer in journal.of("answer")),
            "asked again": sum(1 for _ in journal.of("again")),
            "messages sent": sum(1 for _ in journal.of("sent")),
            "timeline": stack.query("dispatch", "SELECT count(*) FROM timeline")[0][0],
            "incidents": stack.query("dispatch", "SELECT count(*) FROM incident")[0][0],
            "breaches": stack.query("dispatch", "SELECT count(*) FROM breach")[0][0],
            "events on the stream": sum(1 for _ in journal.of("event")),
            "events at the witness": sum(1 for _ in journal.of("witness")),
            "gaps told": sum(1 for _ in journal.of("gap")),
        },
        "latest breach seconds by the fault before it": lateness(stack, journal),
        "drained after seconds": round(drained_after, 1),
        "violations": len(found),
        "found": found[:LISTED],
    }


def lateness(stack: ChaosStack, journal: Journal) -> dict[str, float]:
    """How late the latest breach after each fault was recorded, where that was more than `TOLD_FROM` seconds."""
    rows = stack.query(
        "dispatch", "SELECT extract(epoch FROM recorded_at)::float8, extract(epoch FROM due_at)::float8 FROM breach"
    )
    faults = [(fault["at"], f"{fault['fault']} {fault['target']}") for fault in journal.of("fault")]
    latest: dict[str, float] = {}
    for recorded, due in rows:
        before = next((name for at, name in reversed(faults) if at <= recorded), "no fault")
        latest[before] = max(latest.get(before, 0.0), round(recorded - due, 3))
    return {name: seconds for name, seconds in latest.items() if seconds > TOLD_FROM}


def say(began: float, line: str) -> None:
    print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5.0, help="of faults; start, quiet and checks come on top")
    parser.add_argument("--short", action="store_true", help="the fixed list of the short run, in the seed's order")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where report and journal go")
    parser.add_argument("--broken", choices=BREAKAGES, help="a mistake in dispatch's processes that must be found")
    parser.add_argument("--keep", action="store_true", help="leave the stack up, to look at what is left")
    given = parser.parse_args()
    faults = draw_short(given.seed) if given.short else draw(given.seed, given.minutes * 60)
    report = run(Asked(given.seed, faults, given.folder, breakage=given.broken, keep=given.keep))
    print(json.dumps(report, ensure_ascii=False, indent=1))
    return 1 if report["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
