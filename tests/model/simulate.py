"""`python -m tests.model.simulate`: many seeded lifecycles, the product beside the model, and what befell them.

--lifecycles N --seed S [--processes P] [--json FILE] [--resume]    run N lifecycles; exit 1 when a promise was broken
--replay SEED                                                       live one lifecycle again, telling every step

Ctrl-C or SIGTERM ends a run early (exit 130); FILE then says how far it came, and --resume goes on from there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.model.alongside import Violation
from tests.model.lifecycle import Lifecycle
from tests.model.report import Report, take_up, tell
from tests.model.running import order_of, read_faster, simulate

INTERRUPTED = 130


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
    """The command line; 1 when a promise was broken, 130 when it was stopped before its end."""
    parser = argparse.ArgumentParser(description="Simulate lifecycles of incidents, the product beside a model.")
    parser.add_argument("--lifecycles", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", type=Path, help="keep the figures there")
    parser.add_argument("--resume", action="store_true", help="go on from the figures of an interrupted run")
    parser.add_argument("--replay", type=int, metavar="SEED", help="live one lifecycle again, step by step")
    given = parser.parse_args()
    if given.replay is not None:
        return replay(given.replay)
    if given.resume and given.json is None:
        parser.error("--resume needs --json")
    order = order_of(given.seed, given.lifecycles)
    earlier = take_up(given.json, order) if given.resume else Report()
    read_faster()
    report = simulate(order, given.processes, path=given.json, report=earlier)
    tell(report)
    if not report.clean:
        return 1
    if report.lifecycles < order.lifecycles:
        print(f"interrupted after {report.lifecycles:,} of {order.lifecycles:,} lifecycles")
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
