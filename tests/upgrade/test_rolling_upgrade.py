"""A rolling upgrade from the release before, in short: calls come in all the while and nothing is lost or doubled.

The long form, with a way back in the middle: `make upgrade-proof`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.stack.instance import CHECKOUT

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900), pytest.mark.alone]


def test_two_releases_work_side_by_side_under_load_and_nothing_is_lost(previous_release: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.upgrade.run", "--from", previous_release, "--no-way-back"]
    short = ["--seconds", "2", "--load", "1", "--workers", "4", "--folder", str(tmp_path)]
    done = subprocess.run([*command, *short], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (tmp_path / "report.json").exists(), done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["found"] == []
    assert report["replays"]["days"] > 1
    assert report["answers"]["ok"] > 50
    assert report["counted"]["breach"] > 0
