"""How long to wait before the next try: longer each time, never at the same moment as everybody else."""

from __future__ import annotations

import random

FIRST_SECONDS, LONGEST_SECONDS = 0.1, 10.0


class Pauses:
    """Full jitter over a doubling span; what the server asks for (`Retry-After`) is the least."""

    def __init__(self, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> None:
        self._first, self._longest = first, longest
        self._span = first

    def next(self, least: float = 0.0) -> float:
        """Seconds to wait now."""
        pause = least + random.uniform(0, self._span)  # noqa: S311 - spreads readers, keeps no secret
        self._span = min(self._span * 2, self._longest)
        return pause

    def over(self) -> None:
        """It worked: the next trouble begins with a short pause."""
        self._span = self._first
