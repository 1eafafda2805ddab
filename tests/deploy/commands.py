"""What anybody types, run from the repository in one environment; a day of calls among it, held against the oracle."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.deploy.manifests import ROOT
from tests.support.oracle import figures


class Commands:
    """Runs programs; what fails is an AssertionError with its words."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = dict(environ)

    def run(self, *command: str | Path, given: str | None = None) -> str:
        done = subprocess.run(
            [*map(str, command)], cwd=ROOT, env=self.environ, input=given, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(f"{' '.join(map(str, command))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout

    def wangge(self, *arguments: str | Path) -> str:
        return self.run(sys.executable, "-m", "cli.main", *arguments)

    def day(self, folder: Path, seed: int, load: int, meanwhile: Callable[[], None] = lambda: None) -> str:
        """Replay a made-up day and do something meanwhile; AssertionError when a figure differs."""
        path = folder / f"day-{seed}.csv"
        self.wangge("county", "day", "--seed", str(seed), "--load", str(load), "--out", path)
        command = [sys.executable, "-m", "cli.main", "replay", str(path), "--speed", "max", "--json"]
        begun = time.monotonic()
        with subprocess.Popen(
            command, cwd=ROOT, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as replay:
            try:
                meanwhile()
                out, told = replay.communicate(timeout=600)
            finally:
                replay.kill()
        assert replay.returncode == 0, told[-2000:]
        reported = json.loads(out)
        assert reported == figures(path)
        return f"{reported['incidents']} incidents in {time.monotonic() - begun:.1f} s, report equal to the oracle's"
