"""The closed lists of dispatch, with Chinese and English labels; the lists are the json files beside this module.

- `CATEGORIES`: what an incident is. ``apco`` is a code of APCO ANS 2.103.1 common incident types (as published in
  NENA EIDO-JSON); ``gbt_30428`` the event class name of GB/T 30428; ``gbt_31000`` the event class number of GB/T
  31000, where one exists.
- `DISPOSITIONS`: APCO ANS 1.111.2-2018 common disposition codes, 01 to 45, labels shortened by us.
"""

from dataclasses import dataclass

import orjson

from contracts import labels
from contracts.labels import Code


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


def _categories() -> dict[str, Category]:
    rows = orjson.loads(labels.read("contracts.dispatch", "categories.json"))
    return {
        row["code"]: Category(**{**row, "skills": tuple(row["skills"]), "call_types": tuple(row["call_types"])})
        for row in rows
    }


_LISTS = labels.load("contracts.dispatch")

CATEGORIES: dict[str, Category] = _categories()
KINDS = _LISTS["kinds"]
SOURCES = _LISTS["sources"]
TEAM_KINDS = _LISTS["team_kinds"]
SKILLS = _LISTS["skills"]
OUTCOMES = _LISTS["outcomes"]
DISPOSITIONS = _LISTS["dispositions"]
STATES = _LISTS["states"]
ASSIGNMENT_STATES = _LISTS["assignment_states"]
CONTACT_PURPOSES = _LISTS["contact_purposes"]
STAGES = _LISTS["stages"]
REASONS = _LISTS["pick_reasons"]
PRIORITIES = (1, 2, 3)

_BY_CALL_TYPE = {call_type: category.code for category in CATEGORIES.values() for call_type in category.call_types}


def category_of_call_type(call_type: str) -> str:
    """The category of a "Call Type" of the fire and medical calls data set; ``other`` when it is not one we know."""
    return _BY_CALL_TYPE.get(call_type, "other")
