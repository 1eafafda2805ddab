"""The closed lists of dispatch, with Chinese and English labels; the lists themselves are the json files beside this module.

- `CATEGORIES`: what an incident is. ``apco`` is a code of APCO ANS 2.103.1 common incident types (as published in NENA EIDO-JSON);
  ``gbt_30428`` the event class name of GB/T 30428; ``gbt_31000`` the event class number of GB/T 31000, where one exists.
- `DISPOSITIONS`: APCO ANS 1.111.2-2018 common disposition codes, 01 to 45, labels shortened by us.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import orjson


@dataclass(frozen=True, slots=True)
class Code:
    """A code with the words a user reads."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Category(Code):
    """What an incident is, and what it asks for by default (`priority` 1 is the highest)."""

    kind: str
    apco: str
    priority: int
    skills: tuple[str, ...]
    gbt_30428: str | None
    gbt_31000: str | None
    call_types: tuple[str, ...]


def _json(name: str) -> bytes:
    return files("contracts.dispatch").joinpath(name).read_bytes()


@cache
def _labels() -> dict[str, dict[str, Code]]:
    lists = orjson.loads(_json("labels.json"))
    return {name: {row["code"]: Code(**row) for row in rows} for name, rows in lists.items()}


def _categories() -> dict[str, Category]:
    rows = orjson.loads(_json("categories.json"))
    return {row["code"]: Category(**{**row, "skills": tuple(row["skills"]), "call_types": tuple(row["call_types"])}) for row in rows}


CATEGORIES: dict[str, Category] = _categories()
KINDS = _labels()["kinds"]
SOURCES = _labels()["sources"]
TEAM_KINDS = _labels()["team_kinds"]
SKILLS = _labels()["skills"]
OUTCOMES = _labels()["outcomes"]
DISPOSITIONS = _labels()["dispositions"]
STATES = _labels()["states"]
ASSIGNMENT_STATES = _labels()["assignment_states"]
CENTRE_KINDS = _labels()["centre_kinds"]
GRID_LEVELS = _labels()["grid_levels"]
GRID_KINDS = _labels()["grid_kinds"]
POST_ROLES = _labels()["post_roles"]
CONTACT_PURPOSES = _labels()["contact_purposes"]
STAGES = _labels()["stages"]
REASONS = _labels()["pick_reasons"]
PRIORITIES = (1, 2, 3)

_BY_CALL_TYPE = {call_type: category.code for category in CATEGORIES.values() for call_type in category.call_types}


def category_of_call_type(call_type: str) -> str:
    """The category of a "Call Type" of the fire and medical calls data set; ``other`` when it is not one we know."""
    return _BY_CALL_TYPE.get(call_type, "other")
