"""`python -m tests.model.simulate`: many seeded lifecycles, the product beside the model, and what befell them.

--lifecycles N --seed S [--processes P] [--json FILE]     run N lifecycles; exit 1 when a promise was broken
--replay SEED                                             live one lifecycle again, telling every step
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from services.dispatch.application import execute
from tests.model.alongside import Violation
from tests.model.lifecycle import Lifecycle
from tests.model.reading import ShortReader

SEEDS_APART = 100_000_000
CHUNK = 500
MOST_SHOWN = 50


@dataclass(slots=True)
class Report:
    """What a run found: faults by kind, and every violation with the seed that replays it."""

    lifecycles: int = 0
    incidents: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    violations: list[dict[str, Any]] = field(default_factory=list)

    def add(self, other: Report) -> None:
        self.lifecycles += other.lifecycles
        self.incidents += other.incidents
        self.faults += other.faults
        self.violations += other.violations


def live(seeds: range) -> Report:
    """Live the lifecycles of these seeds, one after the other; a violation ends its own lifecycle only."""
    report = Report()
    for seed in seeds:
        lifecycle = Lifecycle(seed)
        try:
            lifecycle.run()
        except Exception as error:  # noqa: BLE001 whatever the product raises here is a finding
            kind = error.kind if isinstance(error, Violation) else type(error).__name__
            report.violations.append({"seed": seed, "kind": kind, "detail": str(error)})
        report.lifecycles += 1
        report.incidents += lifecycle.actors.incidents
        report.faults += lifecycle.faults
    return report


def settle_in() -> None:
    """Make a process that does nothing else faster: what is imported stays, what was read once is known."""
    execute.load_command = ShortReader()  # type: ignore[assignment]
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def chunks(lifecycles: int, seed: int) -> Iterator[range]:
    """The seeds of a run, in portions that a process takes at a time."""
    first = seed * SEEDS_APART
    for start in range(first, first + lifecycles, CHUNK):
        yield range(start, min(start + CHUNK, first + lifecycles))


def simulate(lifecycles: int, seed: int, processes: int = 1) -> Report:
    """Run them all; the same seed gives the same report, however many processes share the work."""
    total, started = Report(), time.monotonic()
    if processes == 1:
        for seeds in chunks(lifecycles, seed):
            total.add(live(seeds))
            _progress(total, lifecycles, started)
    else:
        # Not forked: the caller may have threads.
        with ProcessPoolExecutor(processes, get_context("spawn"), settle_in) as pool:
            waiting: set[Future[Report]] = set()
            for seeds in chunks(lifecycles, seed):
                waiting.add(pool.submit(live, seeds))
                if len(waiting) > 2 * processes:
                    waiting = _gather(waiting, total)
                    _progress(total, lifecycles, started)
            while waiting:
                waiting = _gather(waiting, total)
                _progress(total, lifecycles, started)
    total.violations.sort(key=lambda violation: violation["seed"])
    return total


def _gather(waiting: set[Future[Report]], total: Report) -> set[Future[Report]]:
    done, rest = wait(waiting, return_when=FIRST_COMPLETED)
    for each in done:
        total.add(each.result())
    return rest


def _progress(total: Report, wanted: int, started: float) -> None:
    seconds = time.monotonic() - started
    rate = total.lifecycles / seconds if seconds else 0.0
    end = "\n" if total.lifecycles == wanted or not sys.stderr.isatty() else ""
    if end == "" or total.lifecycles % 10_000 == 0 or total.lifecycles == wanted:
        line = f"{total.lifecycles:,}/{wanted:,} lifecycles · {rate:,.0f}/s · {len(total.violations)} violations"
        print(f"\r{line}", end=end, file=sys.stderr, flush=True)


def tell(report: Report, seconds: float) -> None:
    """What was found, for a person."""
    print(f"{report.lifecycles:,} lifecycles, {report.incidents:,} incidents, {seconds:,.0f} s")
    for kind, count in report.faults.most_common():
        print(f"  {count:>12,}  {kind}")
    print(f"{len(report.violations)} violations")
    for violation in report.violations[:MOST_SHOWN]:
        print(f"  seed {violation['seed']}: {violation['kind']}: {violation['detail']}")
    if report.violations:
        print(f"replay: python -m tests.model.simulate --replay {report.violations[0]['seed']}")


def replay(seed: int) -> int:
    """Live one lifecycle again and tell every step; 1 when it breaks a promise again."""
    lifecycle = Lifecycle(seed, verbose=True)
    try:
        lifecycle.run()
    except Violation as violation:
        print(violation)
        return 1
    print(f"lived to the end: {dict(lifecycle.faults)}")
    return 0


def main() -> int:
    """The command line; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description="Simulate lifecycles of incidents, the product beside a model.")
    parser.add_argument("--lifecycles", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--replay", type=int, metavar="SEED", help="live one lifecycle again, step by step")
    given = parser.parse_args()
    if given.replay is not None:
        return replay(given.replay)
    settle_in()
    started = time.monotonic()
    report = simulate(given.lifecycles, given.seed, given.processes)
    seconds = time.monotonic() - started
    tell(report, seconds)
    if given.json:
        figures = {
            "seed": given.seed, "lifecycles": report.lifecycles, "incidents": report.incidents,
            "seconds": round(seconds, 1), "faults": dict(report.faults.most_common()), "violations": report.violations,
        }  # fmt: skip
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
