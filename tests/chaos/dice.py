"""Chance that can be had again: everything random in a run comes from its seed."""

from __future__ import annotations

import random


def dice_of(*names: object) -> random.Random:
    """Dice of their own for each purpose, so that one drawing more does not change what another draws."""
    return random.Random("-".join(map(str, names)))  # noqa: S311 - repeatable, not unguessable
