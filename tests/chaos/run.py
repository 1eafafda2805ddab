"""`python -m tests.chaos.run --seed S --minutes M`: faults under load, then a verdict from the outside.

Exit code 0 when nothing was violated; report.json, report.md and the journal go to `--folder` (.run/chaos).
Runs beside each other need folders of their own and share nothing else.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.stack.instance import CHECKOUT
from tests.chaos import aftermath, checker, disks, reporting, settling
from tests.chaos.broken import BREAKAGES
from tests.chaos.faults import KINDS, Fault, draw, draw_short
from tests.chaos.injecting import Injector, left_out
from tests.chaos.journal import Journal
from tests.chaos.load import Load
from tests.chaos.messages import Partner
from tests.chaos.stack import TARGETS, ChaosStack
from tests.chaos.watching import StreamReader, Witness
from tests.support.eventually import eventually

FOLDER = CHECKOUT / ".run" / "chaos"


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
    wanted = any(fault.kind in {"disk-full", "last-byte"} for fault in asked.faults)
    why_no_disks = disks.enter_a_namespace_of_our_own() if wanted else ""
    journal = Journal(asked.folder / "journal.jsonl")
    stack = ChaosStack(f"chaos-{os.getpid()}", breakage=asked.breakage, small_disks=wanted and not why_no_disks)
    began = time.monotonic()
    try:
        stack.start()
        say(began, f"stack is up: {stack.plan.address}, its files in {stack.at.directory}")
        report = _under_faults(asked, stack, journal, began, left_out(stack, why_no_disks))
        report["seconds"] = round(time.monotonic() - began, 1)
        reporting.write(asked.folder, report)
    except BaseException:
        # Whatever ended it midway: what the parts said is all that there is to go by.
        with suppress(OSError):
            aftermath.keep_logs(stack, asked.folder)
        raise
    finally:
        if asked.keep:
            print(f"the stack stays: nsenter -m -t {stack.lasting_pid()} {sys.executable} -m cli.main"
                  f" down --destroy --instance {stack.instance}")  # fmt: skip
        else:
            stack.close()
        journal.close()
    return report


def _under_faults(
    asked: Asked, stack: ChaosStack, journal: Journal, began: float, impossible: dict[str, str]
) -> dict[str, Any]:
    reader, witness, load = StreamReader(stack, journal), Witness(stack, journal), Load(stack, journal, asked.seed)
    load.workers = asked.workers
    witness.start()
    reader.start()
    stack.fill()
    eventually(lambda: not settling.waiting(stack), within=60, every=0.5)
    grids = grid_tree(stack)
    say(began, "the county is filled; load begins")
    load.start()
    injector = Injector(stack, journal, Partner(stack, journal, asked.seed))
    for number, fault in enumerate(asked.faults, 1):
        skipped = " (left out)" if fault.kind in impossible else ""
        say(began, f"{number:>3}/{len(asked.faults)} {fault}{skipped}")
        if not skipped:
            injector.inject(fault)
    load.stop()
    stack.hurry()
    calm = settling.settle(stack)
    say(
        began, f"servers are back after {calm.servers_back:.1f} s; drained {calm.drained:.1f} s later {calm.left or ''}"
    )
    load.join(within=90)
    found = [f"drained: {each}" for each in calm.left] + [f"at rest: {each}" for each in settling.run_out(stack)]
    _wait_for_the_onlookers(stack, journal)
    reader.stop()
    witness.stop()
    found += _verdict(stack, journal, grids)
    if found:
        aftermath.keep_logs(stack, asked.folder)
    return reporting.report(asked.seed, journal, stack, calm, found, impossible)


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
    """What dispatch knows of the county, and how often it took something in, by SQL."""
    return [
        stack.query("dispatch", f"SELECT {key}, version, retired FROM {table} ORDER BY 1")
        for key, table in (("code", "grid_node"), ("code", "centre"))
    ] + stack.query("dispatch", "SELECT revision FROM read_model")


def say(began: float, line: str) -> None:
    print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5.0, help="of faults; start, quiet and checks come on top")
    parser.add_argument("--only", default="", help=f"kinds of fault, comma between: {', '.join(KINDS)}")
    parser.add_argument("--short", action="store_true", help="the fixed list of the short run, in the seed's order")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where report and journal go")
    parser.add_argument("--broken", choices=BREAKAGES, help="a mistake in dispatch's processes that must be found")
    parser.add_argument("--keep", action="store_true", help="leave the stack up, to look at what is left")
    given = parser.parse_args()
    # Cut connections are what the proxies are for; asyncio would tell of each on the terminal.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    # What is asked to end takes its stack down first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    only = [kind for kind in given.only.split(",") if kind]
    if not KINDS.keys() >= set(only):
        parser.error(f"kinds of fault are {', '.join(KINDS)}")
    broken = BREAKAGES.get(given.broken)
    faults = (
        broken.plan()
        if broken
        else draw_short(given.seed)
        if given.short
        else draw(given.seed, given.minutes * 60, only)
    )
    report = run(Asked(given.seed, faults, given.folder, breakage=given.broken, keep=given.keep))
    print(reporting.markdown(report))
    return 1 if report["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
