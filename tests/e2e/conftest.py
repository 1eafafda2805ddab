"""A whole county, started and filled by the commands a newcomer types, once for all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.county import County


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Most share one county, and its clocks are live: nothing else is to run beside them."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "county" in getattr(item, "fixturenames", ()):
            item.add_marker("alone")


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    """The demo county on a stack of its own; taken down and its data destroyed at the end."""
    county = County(f"e2e-{os.getpid()}")
    try:
        county.fill(tmp_path_factory.mktemp("county"))
        yield county
    finally:
        county.close()


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ordinary day of calls."""
    return County.day(tmp_path_factory.mktemp("days") / "day.csv", seed=11)
