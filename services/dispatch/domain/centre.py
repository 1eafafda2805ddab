"""A centre: the desk that takes an incident and sends a team. Owned by the registry; this is dispatch's read model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time


@dataclass(frozen=True, slots=True)
class Hours:
    """Daily opening hours in the county's time; `closes` before `opens` means over midnight."""

    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Centre:
    """One row of the centre read model (registry event centre.changed)."""

    code: str
    name_zh: str
    name_en: str
    kind: str
    grid_code: str
    lat: float
    lon: float
    always_open: bool
    hours: Hours | None
    version: int
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """One row of the post read model (registry event post.changed): a role in a grid with its A and B holders."""

    post_id: str
    grid_code: str
    role: str
    a_holder: str | None
    b_holder: str | None
    a_absent: bool
    version: int
