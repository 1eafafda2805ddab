"""Times as the field's formats want them: with an offset in digits, never `Z` (CAP 1.2 section 3.3.2 forbids it)."""

from __future__ import annotations

from datetime import timedelta, timezone

from chassis.clock import parse_time

BEIJING = timezone(timedelta(hours=8))
"""The one time of the whole country; no summer time."""


def to_the_second(text: str) -> str:
    """`yyyy-mm-ddThh:mm:ss+08:00` of an RFC 3339 time. Raises ValueError when it is none."""
    return parse_time(text).astimezone(BEIJING).isoformat(timespec="seconds")


def to_the_millisecond(text: str) -> str:
    """`yyyy-mm-ddThh:mm:ss.mmm+08:00` of an RFC 3339 time. Raises ValueError when it is none."""
    return parse_time(text).astimezone(BEIJING).isoformat(timespec="milliseconds")
