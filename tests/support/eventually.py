"""Waiting in tests: for a condition, with a deadline, never for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], within: float = 5.0, *, every: float = 0.01) -> T:
    """Call `condition` until it gives something true and return that; AssertionError after `within` seconds.

    An AssertionError raised by `condition` counts as "not yet" and is the cause of the final one.
    """
    until = time.monotonic() + within
    while True:
        failure: AssertionError | None = None
        value: T | None = None
        try:
            value = condition()
        except AssertionError as not_yet:
            failure = not_yet
        if failure is None and value:
            return value
        if time.monotonic() >= until:
            raise AssertionError(f"not within {within} s: last answer {value!r}") from failure
        time.sleep(every)
