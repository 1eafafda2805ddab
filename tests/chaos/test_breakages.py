"""The checker finds what it is there to find: mistakes put into dispatch on purpose, one at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.broken import BREAKAGES
from tests.chaos.short import short_run

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_mistake_put_in_on_purpose_is_found(tmp_path: Path, breakage: str) -> None:
    report = short_run(tmp_path, 1, "--broken", breakage)
    assert any(found.startswith(BREAKAGES[breakage].rule) for found in report["found"]), report["found"]
