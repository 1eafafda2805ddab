"""How busy the machine is with other work: a promise in seconds is made for a machine that is ours."""

from __future__ import annotations

import os


def crowding() -> float:
    """1 where our processes have the cores to themselves, else by how much too few there are (load over cores)."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
