"""Times as they travel: RFC 3339 with an offset on the way in, UTC with six decimals and ``Z`` on the way out."""

import re
from datetime import UTC, datetime

# datetime.fromisoformat alone is too kind: it takes week dates, missing offsets and bare dates.
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:[0-5]\d)", re.ASCII)


def parse_time(text: str) -> datetime:
    """The instant that an RFC 3339 text names, in UTC.

    The offset is required: a time without one is a guess. Digits below the microsecond are cut off.
    Raises ValueError for anything else, a leap second (``:60``) included.
    """
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise ValueError("not an RFC 3339 time with an offset, such as 2026-01-02T03:04:05Z")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("time out of range") from error


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC, always six decimals, so that texts sort as their times do and nothing is lost.

    Raises ValueError for a naive datetime.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone names no instant")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def utc_now() -> datetime:
    """The time by this machine's clock. Deadlines are judged by the database's: ``database.database_now``."""
    return datetime.now(UTC)
