"""`make bench [ONLY=name]`: measure on this machine, beside peers and limits; see .run/bench/results.md.

Each folder here is one bench, its `bench.py` begins with what is measured and how; `peers/` holds the others' side of
all of them and runs in .venv-bench. A goal that is missed is written down, not hidden: the exit status is 1.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys

from tests.bench import results
from tests.bench.bed import bed

BENCHES = ("hop", "relay", "deadlines", "command", "execute", "streams", "growth", "storm")


def main(names: list[str]) -> int:
    if unknown := set(names) - set(BENCHES):
        print(f"no bench {', '.join(sorted(unknown))}; there are: {', '.join(BENCHES)}")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    missed = 0
    with bed() as servers:
        for name in names or BENCHES:
            print(f"{name}", flush=True)
            before = round(os.getloadavg()[0], 1)
            with servers.one_bench():
                found = importlib.import_module(f"tests.bench.{name}.bench").run(servers)
            results.write(found, (before, round(os.getloadavg()[0], 1)))
            for each in found:
                print(f"  {each.name}: {each.ours:,.1f} {each.unit}, ratio {each.ratio}, {each.goal}: {each.met}")
            missed += sum(not each.met for each in found)
    print(f"{results.OUTPUT / 'results.md'}: {missed} goals missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
