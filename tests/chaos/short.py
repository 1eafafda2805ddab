"""A short run as a test sees it: a process of its own, and its report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cli.stack.instance import CHECKOUT


def short_run(folder: Path, seed: int, *options: str) -> dict[str, Any]:
    """The report. A run has threads and a pytest run is no place for those, so it is a process apart."""
    command = [sys.executable, "-m", "tests.chaos.run", "--short", "--seed", str(seed), "--folder", str(folder)]
    done = subprocess.run([*command, *options], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    report = folder / "report.json"
    assert report.exists(), done.stdout + done.stderr
    return dict(json.loads(report.read_text(encoding="utf-8")))
