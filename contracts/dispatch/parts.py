"""Fields and objects that dispatch's events, commands and answers share, each described once."""

from typing import Any

from contracts.dispatch import codes
from contracts.fields import Choice, Flag, Identifier, Many, Message, Text, Whole
from contracts.places import Point, centre_code, grid_code, latitude, longitude, moment, version

UUID_EXAMPLE = "0190a0c2-7e1a-7000-8000-0000000000aa"


def incident_id(**options: Any) -> Identifier:
    return Identifier("The incident", example=UUID_EXAMPLE, **options)


def assignment_id(**options: Any) -> Identifier:
    return Identifier(
        "The assignment: one team on one incident", example="0190a0c2-7e1a-7000-8000-0000000000bb", **options
    )


def team_id(**options: Any) -> Identifier:
    return Identifier("The team", example="0190a0c2-7e1a-7000-8000-0000000000cc", **options)


def category(**options: Any) -> Choice:
    return Choice("Category code, see the catalogue of categories", codes.CATEGORIES, example="medical", **options)


def kind(**options: Any) -> Choice:
    return Choice("Kind of the category", codes.KINDS, example="emergency", **options)


def priority(**options: Any) -> Choice:
    return Choice("Priority; 1 is the highest", codes.PRIORITIES, example=1, **options)


def source(**options: Any) -> Choice:
    return Choice("Where the incident came from", codes.SOURCES, example="police", **options)


def alarm_level(**options: Any) -> Whole:
    return Whole("Alarm level, each step asks for more", least=1, most=10, example=1, **options)


def skill() -> Choice:
    return Choice("Skill code", codes.SKILLS, example="medical")


def skills(about: str, **options: Any) -> Many:
    return Many(skill(), about, most=32, **options)


def team_kind(**options: Any) -> Choice:
    return Choice("Kind of the team", codes.TEAM_KINDS, example="medical", **options)


def call_sign(**options: Any) -> Text:
    return Text("Call sign, unique in the county", most=32, pattern=r"[^\s/]+( [^\s/]+)*", example="E39", **options)


def exercise(**options: Any) -> Flag:
    return Flag("True for a drill: visible everywhere, left out of figures", example=False, **options)


def stage(**options: Any) -> Choice:
    return Choice("Stage that a clock watches", codes.STAGES, example="assign", **options)


def slug(about: str, example: str, **options: Any) -> Text:
    return Text(about, most=64, pattern=r"[a-z][a-z0-9_]*", example=example, **options)


class Reference(Message):
    """The number another system gave the incident; unique per system."""

    system = Text("The other system", most=64, pattern=r"[a-z][a-z0-9_-]*", example="police110")
    number = Text("Its number there", most=64, pattern=r"[A-Za-z0-9._-]+", example="2026010200017")


# What is defined elsewhere and read from here, so that a schema needs one import.
__all__ = ["Point", "centre_code", "grid_code", "latitude", "longitude", "moment", "version"]
