"""How far the database's clock is ahead of our monotonic one."""

from __future__ import annotations

from dataclasses import dataclass

_KEPT_SECONDS = 10.0


@dataclass(slots=True)
class Offset:
    """The database's clock minus our monotonic one, how far it may be off, and when it was measured."""

    seconds: float = 0.0
    doubt: float = float("inf")
    at: float = float("-inf")

    def measured(self, seconds: float, doubt: float, at: float) -> None:
        agrees = abs(seconds - self.seconds) <= doubt
        if agrees and doubt > self.doubt and at - self.at < _KEPT_SECONDS:
            # A slow answer that does not contradict a quick one adds only noise.
            return
        self.seconds, self.doubt, self.at = seconds, doubt, at
