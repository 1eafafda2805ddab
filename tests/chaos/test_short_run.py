"""Faults of every main kind under load, and nothing is lost, doubled or forgotten; the long run is `make chaos`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.faults import SHORT
from tests.chaos.short import short_run

SEED = int(os.environ.get("SEED") or 1)

# Two minutes on a machine of its own; one that is busy with other things takes its time.
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900), pytest.mark.alone]


def test_what_was_acknowledged_survives_ten_faults_and_nothing_happens_twice(tmp_path: Path) -> None:
    report = short_run(tmp_path, SEED)
    assert report["found"] == []
    assert report["faults without effect"] == []
    assert sum(report["faults"].values()) == len(SHORT)
    assert report["operations"]["ok"] > 20
    assert report["operations"]["breaches"] > 0
