"""Days of calls replayed one after the other, whatever happens to the stack; each report is held against the oracle."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.stack.instance import CHECKOUT
from tests.e2e.county import County
from tests.support.oracle import figures
from tests.upgrade.stack import TwoReleases

PATIENCE_SECONDS = 600.0


@dataclass
class Replays:
    """From `start` to `finish`, which waits for the day that is being replayed."""

    stack: TwoReleases
    folder: Path
    load: float
    days: list[Path] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    incidents: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._environment = self.stack.new.environment(WANGGE_URL=self.stack.address, WANGGE_TOKEN=self.stack.token())
        self._thread = threading.Thread(target=self._run, name="replays", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No new day."""
        self._stopping.set()

    def finish(self) -> list[str]:
        """What was not as the oracle has it."""
        self._thread.join(timeout=PATIENCE_SECONDS)
        if self._thread.is_alive():
            self.found.append(f"the replay of {self.days[-1]} never ended")
        return self.found

    def _run(self) -> None:
        while not self._stopping.is_set():
            number = len(self.days) + 1
            self.days.append(County.day(self.folder / f"day-{number}.csv", seed=number, load=self.load))
            try:
                self._one_day(self.days[-1])
            except (OSError, ValueError, subprocess.SubprocessError) as accident:
                self.found.append(f"replay of day {number}: {accident!r}")
                return

    def _one_day(self, day: Path) -> None:
        command = [sys.executable, "-m", "cli.main", "replay", str(day), "--speed", "max", "--json"]
        done = subprocess.run(
            command, cwd=CHECKOUT, env=self._environment, capture_output=True, text=True,
            timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            self.found.append(f"replay of {day.name} ended with {done.returncode}: {done.stderr[-2000:]}")
            return
        reported: dict[str, Any] = json.loads(done.stdout)
        expected = figures(day)
        self.incidents += expected["incidents"]
        if reported != expected:
            self.found.append(f"replay of {day.name} reported {reported}, the oracle has {expected}")
