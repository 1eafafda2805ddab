"""Living many seeds in one or several processes, telling how far it is, and stopping in good order when asked to."""

from __future__ import annotations

import gc
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from types import FrameType

from services.dispatch.application import execute
from tests.model.alongside import Violation
from tests.model.lifecycle import Lifecycle
from tests.model.reading import ShortReader
from tests.model.report import Order, Report, code, write

SEEDS_APART = 100_000_000
PORTION = 100
_WRITE_SECONDS = 10.0
_TELL_SECONDS = 30.0


def live(seeds: range) -> Report:
    """Live the lifecycles of these seeds, one after the other; a violation ends its own lifecycle only."""
    report = Report(done={seeds.start})
    for seed in seeds:
        lifecycle = Lifecycle(seed)
        try:
            lifecycle.run()
        except Exception as error:  # noqa: BLE001 whatever the product raises here is a finding
            report.broke(seed, error.kind if isinstance(error, Violation) else type(error).__name__, str(error))
        report.lived["lifecycles"] += 1
        report.lived["incidents"] += lifecycle.actors.incidents
        report.faults.update(lifecycle.faults)
        report.commands.update(lifecycle.both.commands)
        report.facts.update(lifecycle.both.facts)
    return report


def order_of(seed: int, lifecycles: int) -> Order:
    """The seeds that a run of `seed` lives; runs of different seeds share none."""
    return Order(seed, seed * SEEDS_APART, lifecycles)


def simulate(order: Order, processes: int = 1, *, path: Path | None = None, report: Report | None = None) -> Report:
    """Live them all, or until SIGINT or SIGTERM; the same order gives the same report, however many processes share it.

    `path` is where the report is kept while it grows; `report` is an earlier one of the same order to go on from.
    """
    run = _Run(order, report or Report(), path)
    with _stopping(run):
        if processes == 1:
            for seeds in run.left():
                run.take(live(seeds))
        else:
            _share(run, processes)
    run.finish()
    return run.report


class _Run:
    """One run on its way: what is left to live, how long it will take, whether somebody wants it to stop."""

    def __init__(self, order: Order, report: Report, path: Path | None) -> None:
        self.order, self.report, self.path = order, report, path
        self.stopped = False
        code()
        self._began, self._had = time.monotonic(), report.lifecycles
        self._spent = report.seconds
        self._written, self._told = 0.0, self._began

    def left(self) -> Iterator[range]:
        """The portions that nobody has lived yet, until the run is stopped."""
        end = self.order.first + self.order.lifecycles
        for start in range(self.order.first, end, PORTION):
            if self.stopped:
                return
            if start not in self.report.done:
                yield range(start, min(start + PORTION, end))

    def take(self, found: Report) -> None:
        """A portion is lived."""
        self.report.add(found)
        now = time.monotonic()
        self.report.seconds = self._spent + now - self._began
        if self.path is not None and now - self._written >= _WRITE_SECONDS:
            self._written = now
            write(self.path, self.order, self.report, ended="running")
        if sys.stderr.isatty() or now - self._told >= _TELL_SECONDS:
            self._told = now
            print(f"\r{self._progress()}", end="" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Write down how far it came."""
        if self.path is not None:
            complete = self.report.lifecycles == self.order.lifecycles
            write(self.path, self.order, self.report, ended="complete" if complete else "interrupted")
        if sys.stderr.isatty():
            print(file=sys.stderr)

    def _progress(self) -> str:
        done, wanted = self.report.lifecycles, self.order.lifecycles
        rate = (done - self._had) / max(time.monotonic() - self._began, 1e-9)
        rest = timedelta(seconds=round((wanted - done) / max(rate, 1e-9)))
        until = datetime.now().astimezone() + rest
        return (
            f"{done:,}/{wanted:,} lifecycles · {rate:,.0f}/s · {rest} left, until {until:%H:%M} · "
            f"{self.report.violations_by_kind.total()} violations"
        )


def _share(run: _Run, processes: int) -> None:
    # Not forked: the caller may have threads.
    with ProcessPoolExecutor(processes, get_context("spawn"), settle_in) as pool:
        portions = run.left()
        waiting: set[Future[Report]] = {pool.submit(live, seeds) for seeds in islice(portions, processes + 1)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for each in done:
                run.take(each.result())
            waiting |= {pool.submit(live, seeds) for seeds in islice(portions, len(done))}


def settle_in() -> None:
    """Make a process that does nothing else faster, and leave it to the first one to say when it is over."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    read_faster()


def read_faster() -> None:
    """What is imported stays, what was read once is known."""
    execute.load_command = ShortReader()  # type: ignore[assignment]
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@contextmanager
def _stopping(run: _Run) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the run after the portions that are being lived; a second one ends it at once."""

    def stop(number: int, _: FrameType | None) -> None:
        if run.stopped:
            raise KeyboardInterrupt
        run.stopped = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
