"""The checker finds what it is there to find: three mistakes put into dispatch on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.short import short_run

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]


@pytest.mark.parametrize(
    ("breakage", "rule"),
    [("relay", "every_event_was_told"), ("keys", "a_key_has_one_effect"), ("clock", "breached_if_and_only_if_late")],
)
def test_a_mistake_put_in_on_purpose_is_found(tmp_path: Path, breakage: str, rule: str) -> None:
    report = short_run(tmp_path, 1, "--broken", breakage)
    assert any(found.startswith(rule) for found in report["found"]), report
