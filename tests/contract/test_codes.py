"""The closed lists hold together: labels in both languages, codes of other standards in the shape these use."""

import pytest

from contracts.dispatch import codes
from contracts.registry import codes as registry_codes

CALL_TYPES = [
    "Medical Incident",
    "Structure Fire",
    "Alarms",
    "Traffic Collision",
    "Other",
    "Outside Fire",
    "Citizen Assist / Service Call",
    "Elevator / Escalator Rescue",
    "Electrical Hazard",
    "Gas Leak (Natural and LP Gases)",
    "Confined Space / Structure Collapse",
    "Water Rescue",
    "Vehicle Fire",
    "Odor (Strange / Unknown)",
    "Fuel Spill",
    "Smoke Investigation (Outside)",
]
LISTS = [
    codes.KINDS,
    codes.SOURCES,
    codes.TEAM_KINDS,
    codes.SKILLS,
    codes.OUTCOMES,
    codes.DISPOSITIONS,
    codes.STATES,
    codes.STAGES,
    codes.ASSIGNMENT_STATES,
    codes.REASONS,
    codes.CONTACT_PURPOSES,
    codes.CATEGORIES,
    registry_codes.GRID_LEVELS,
    registry_codes.GRID_KINDS,
    registry_codes.CENTRE_KINDS,
    registry_codes.POST_ROLES,
]


@pytest.mark.parametrize("call_type", CALL_TYPES)
def test_every_call_type_of_the_replayed_file_has_a_category_of_its_own(call_type):
    category = codes.CATEGORIES[codes.category_of_call_type(call_type)]
    assert call_type in category.call_types


def test_a_call_type_nobody_knows_is_other():
    assert codes.category_of_call_type("Dragon") == "other"


def test_every_category_asks_for_known_things():
    for category in codes.CATEGORIES.values():
        assert category.kind in codes.KINDS, category.code
        assert category.priority in codes.PRIORITIES, category.code
        assert set(category.skills) <= set(codes.SKILLS), category.code
        assert category.apco.isalnum(), category.code
        assert category.apco.isupper(), category.code
        assert category.gbt_31000 is None or category.gbt_31000 in {f"{number:02}" for number in range(1, 25)}


def test_every_skill_is_asked_for_or_kept_for_the_centre_to_choose():
    asked = {skill for category in codes.CATEGORIES.values() for skill in category.skills}
    assert set(codes.SKILLS) - asked == {"command", "drone", "dialect"}


def test_every_code_has_words_in_both_languages():
    for words in LISTS:
        for name, code in words.items():
            assert name == code.code
            assert any("\u4e00" <= character <= "\u9fff" for character in code.zh), name
            assert code.en.isascii(), name


def test_dispositions_are_the_45_of_apco():
    assert list(codes.DISPOSITIONS) == [f"{number:02}" for number in range(1, 46)]
