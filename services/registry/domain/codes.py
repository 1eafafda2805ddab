"""Codes of the tree: after GB/T 2260 and the 12-digit statistical code, then three digits of grid, two of micro-grid.

A code extends its parent's, so *a code's prefix is its jurisdiction*.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from services.registry.domain.errors import Refusal, broken


class Level(StrEnum):
    """Levels of the tree, widest first."""

    COUNTY = "county"
    TOWN = "town"
    COMMUNITY = "community"
    GRID = "grid"
    MICRO_GRID = "micro_grid"


CODE_LENGTH = {Level.COUNTY: 6, Level.TOWN: 9, Level.COMMUNITY: 12, Level.GRID: 15, Level.MICRO_GRID: 17}
_LEVEL_BY_LENGTH = {length: level for level, length in CODE_LENGTH.items()}
_ORDER = tuple(Level)


def level_of(code: str) -> Level:
    """The level that a code's length says. Raises code_shape."""
    level = _LEVEL_BY_LENGTH.get(len(code))
    if level is None or not (code.isascii() and code.isdigit()):
        raise broken("code_shape", "code", f"{code[:40]!r} is not 6, 9, 12, 15 or 17 digits")
    return level


def parent_of(code: str) -> str | None:
    """The code one level up; None for a county. Raises code_shape."""
    depth = _ORDER.index(level_of(code))
    return None if depth == 0 else code[: CODE_LENGTH[_ORDER[depth - 1]]]


def chain_of(code: str) -> tuple[str, ...]:
    """Every code from the county down to this one, itself included. Raises code_shape."""
    depth = _ORDER.index(level_of(code))
    return tuple(code[: CODE_LENGTH[level]] for level in _ORDER[: depth + 1])


def code_refusals(code: str, level: str, parent_code: str | None) -> Iterator[Refusal]:
    """Every rule that this combination of code, level and parent breaks."""
    try:
        says = level_of(code)
    except Refusal as refusal:
        yield refusal
        return
    if level not in CODE_LENGTH:
        yield broken("level_known", "level", f"{level[:40]!r} is not a level", given=level[:40])
    elif level != says:
        yield broken(
            "level_matches_code", "level", f"a code of {len(code)} digits is a {says}, not a {level}", says=says.value
        )
    expected = parent_of(code)
    if parent_code != expected:
        yield broken(
            "parent_prefix", "parent_code", f"the parent of {code} is {expected or 'none'}", expected=expected or ""
        )
