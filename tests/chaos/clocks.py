"""Clocks that jump: some parts run under libfaketime, whose offset is a file that we write while they run.

Only the time of day jumps; the monotonic clock is left alone, as a machine's is when somebody sets its date. Without
Debian's package `faketime` the clocks of a run stay right and such a fault does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LIBRARIES = ("x86_64-linux-gnu", "aarch64-linux-gnu")
JUMPERS = ("dispatch-b", "dispatch-sidecar-b", "gateway")
"""One of each sort; the others keep time, so that a jump is also a disagreement between replicas."""


@dataclass(frozen=True)
class Clocks:
    """The clocks of one stack, kept in `folder`."""

    folder: Path

    @property
    def library(self) -> Path | None:
        places = (Path("/usr/lib") / each / "faketime" / "libfaketimeMT.so.1" for each in LIBRARIES)
        return next((place for place in places if place.exists()), None)

    def prepare(self) -> None:
        """Every clock is right to begin with."""
        for part in JUMPERS:
            self.set(part, 0)

    def set(self, part: str, seconds: int) -> None:
        """From now on the part's time of day is off by so many seconds."""
        file = self._file(part)
        fresh = file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(file)

    def environment(self, part: str) -> dict[str, str]:
        """What a part is started with; nothing when its clock cannot jump."""
        if part not in JUMPERS or self.library is None:
            return {}
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file(part)),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def _file(self, part: str) -> Path:
        return self.folder / f"clock-{part}"
