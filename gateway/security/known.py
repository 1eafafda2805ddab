"""Tokens that were checked a moment ago: a command must not wait for the same signature again and again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

MOST = 20_000
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """What a token stood for, and until when it may be taken without another look."""

    found: T
    until: float


class Known(Generic[T]):
    """Remembers at most `most` findings, each for `seconds` and never beyond the token's own end.

    By the token's hash: whoever reads this memory gets no token out of it.
    """

    def __init__(self, clock: Callable[[], float], most: int = MOST, seconds: float = SECONDS) -> None:
        self._clock, self._most, self._seconds = clock, most, seconds
        self._entries: dict[bytes, Entry[T]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, token: str) -> T | None:
        """What the token was found to stand for, or None."""
        digest = _digest(token)
        entry = self._entries.get(digest)
        if entry is None:
            return None
        if self._clock() >= entry.until:
            del self._entries[digest]
            return None
        return entry.found

    def put(self, token: str, found: T, ends: float) -> None:
        """Remember until `ends` (Unix time in seconds) at most; the oldest gives way when there are too many."""
        if len(self._entries) >= self._most:
            del self._entries[next(iter(self._entries))]
        self._entries[_digest(token)] = Entry(found, min(ends, self._clock() + self._seconds))

    def forget(self, concerned: Callable[[T], bool]) -> int:
        """Forget every finding that `concerned` picks; how many there were."""
        gone = [digest for digest, entry in self._entries.items() if concerned(entry.found)]
        for digest in gone:
            del self._entries[digest]
        return len(gone)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
