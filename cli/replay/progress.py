"""A progress bar on a terminal, a line for each tenth elsewhere; always on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(total: int, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """A function that takes how many more are done; `quiet` shows nothing."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar(total) as advance:
            yield advance
    else:
        yield _lines(total)


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        "回放 replay",
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        "剩余 left",
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("replay", total=total)
        yield lambda count: bars.advance(task, count)


def _lines(total: int) -> Callable[[int], None]:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        before, done = done, done + count
        if done * 10 // total > before * 10 // total:
            print(f"回放 replay {done}/{total}", file=sys.stderr, flush=True)

    return advance
