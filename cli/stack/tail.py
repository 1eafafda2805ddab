"""The end of a log file, and what is added to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from cli.stack.process import last_lines


def tail(log: Path, lines: int, *, follow: bool) -> Iterator[str]:
    """The last lines of a file; with `follow`, new ones as they come, until the reader stops."""
    with log.open(errors="replace") as file:
        yield from last_lines(log, lines).splitlines()
        if not follow:
            return
        file.seek(0, 2)
        while True:
            if line := file.readline():
                yield line.rstrip("\n")
            else:
                time.sleep(0.2)
