"""One record of a county's files, and how its cells are read: strictly, with the field named when they cannot be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from services.registry.domain.errors import broken

F = TypeVar("F")

_TRUE = frozenset({"true", "1", "是", "yes"})
_FALSE = frozenset({"false", "0", "否", "no"})


@dataclass(frozen=True, slots=True)
class Row(Generic[F]):
    """A readable record: where it stands, its key, what it says. ``retired``: the thing is no more."""

    file: str
    row: int
    key: str
    facts: F
    retired: bool


Cells = Mapping[str, Any]


def text(cells: Cells, name: str) -> str:
    """A text that must be there."""
    found = optional_text(cells, name)
    if found is None:
        raise broken("required", name, f"{name} is required")
    return found


def optional_text(cells: Cells, name: str) -> str | None:
    """A text, trimmed; None when absent or empty."""
    value = cells.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise broken("text", name, f"{name} is not a text")
    # Control characters and lone surrogates: nothing that a database keeps or a terminal should be shown.
    if any(ord(sign) < 32 or 127 <= ord(sign) < 160 or 0xD800 <= ord(sign) < 0xE000 for sign in value):
        raise broken("text", name, f"{name} has control characters")
    return value.strip() or None


def flag(cells: Cells, name: str, *, default: bool = False) -> bool:
    """True or false, 是 or 否; the default when absent."""
    value = cells.get(name)
    if isinstance(value, bool):
        return value
    word = (optional_text(cells, name) or "").lower()
    if not word:
        return default
    if word not in _TRUE | _FALSE:
        raise broken("boolean", name, f"{name} is neither true nor false")
    return word in _TRUE


def degrees(cells: Cells, name: str) -> float:
    """A finite number that must be there, kept to the centimetre like every coordinate."""
    try:
        value = float(text(cells, name))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise broken("number", name, f"{name} is not a number")
    return round(value, 7)


def optional_whole(cells: Cells, name: str) -> int | None:
    """A whole number of JSON; None when absent."""
    value = cells.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**31:
        raise broken("whole_number", name, f"{name} is not a whole number")
    return value
