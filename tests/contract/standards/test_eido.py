"""EIDO out: what we write fits the published structure and its registries, whatever the incident; nobody is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator, FormatChecker

from contracts.dispatch import codes
from gateway.standards import eido_codes
from gateway.standards.eido import eido
from gateway.standards.pidf import CIVIC, GML
from tests.support.incident_views import OTHER_ID, TEAM_ID, assignment, incident, incidents, stamp, team, timeline

SCHEMA = json.loads((Path(__file__).parent / "eido.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
AGENCY = "county.wangge.example"


def made(view: dict[str, Any], *teams: dict[str, Any]) -> dict[str, Any]:
    """The object as it arrives: through JSON."""
    found: dict[str, Any] = json.loads(json.dumps(eido(view, {each["team_id"]: each for each in teams}, AGENCY)))
    return found


def members(node: Any, name: str) -> Iterator[str]:
    """Every value of a member, however deep."""
    if isinstance(node, dict):
        yield from ([node[name]] if name in node else [])
        for value in node.values():
            yield from members(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from members(value, name)


def status(view: dict[str, Any]) -> list[str]:
    found: list[str] = made(view)["incidentComponent"]["incidentStatusCommonRegistryText"]
    return found


@given(incidents())
def test_every_incident_fits_the_published_structure(view: dict[str, Any]) -> None:
    for teams in ((), (team(),)):
        VALIDATOR.validate(made(view, *teams))


@given(incidents())
def test_every_reference_names_one_component_of_the_same_object(view: dict[str, Any]) -> None:
    found = made(view, team())
    identifiers = list(members(found, "$id"))
    assert len(identifiers) == len(set(identifiers))
    assert set(members(found, "$ref")) <= set(identifiers)


def test_the_schema_refuses_what_the_standard_does_not_know() -> None:
    for breakage in (
        {"eidoVersion": "2.0"}, {"callbackComponent": []}, {"lastUpdateTimeStamp": "2026-01-02T03:04:05Z"},
        {"agencyComponent": []}, {"incidentComponent": {**made(incident())["incidentComponent"], "phone": "1"}},
    ):  # fmt: skip
        assert not VALIDATOR.is_valid({**made(incident()), **breakage}), breakage


def test_nothing_about_the_caller_or_a_member_of_a_team_is_in_it() -> None:
    text = json.dumps(made(incident(), team()), ensure_ascii=False)
    assert "000****0000" not in text
    assert "p-0001" not in text
    assert "personComponent" not in text
    assert "callComponent" not in text


def test_every_code_of_ours_has_a_word_of_the_registry() -> None:
    assert set(eido_codes.INCIDENT_STATUS) == set(codes.STATES)
    assert set(eido_codes.UNIT_STATUS) == set(codes.ASSIGNMENT_STATES)
    assert set(eido_codes.RESOURCE_TYPE) == set(codes.TEAM_KINDS)
    assert set(eido_codes.COMMON_PRIORITY) == set(codes.PRIORITIES)
    assert set(eido_codes.RESOURCE_ATTRIBUTE) <= set(codes.SKILLS)


@pytest.mark.parametrize("category", sorted(codes.CATEGORIES))
def test_every_category_has_an_incident_type_of_the_registry(category: str) -> None:
    found = made(incident(category=category))
    VALIDATOR.validate(found)
    assert found["incidentComponent"]["incidentTypeInternalCode"] == category


@pytest.mark.parametrize("kind", sorted(codes.TEAM_KINDS))
def test_every_kind_of_team_with_every_skill_has_words_of_the_registry(kind: str) -> None:
    found = made(incident(), team(kind=kind, skills=sorted(codes.SKILLS)))
    VALIDATOR.validate(found)
    (unit,) = found["emergencyResourceComponent"]
    assert unit["resourceAttributeInternalText"] == sorted(codes.SKILLS)


def test_the_status_follows_the_incident_and_says_when_it_was_opened_again() -> None:
    assert status(incident(state="received")) == ["Active"]
    assert status(incident(state="on_scene")) == ["ResourcesOnscene"]
    again = timeline("pushed", "resolved", "reopened")
    assert status(incident(state="pushed", timeline=again)) == ["ReOpened", "Active"]
    assert status(incident(state="closed", timeline=again)) == ["Closed"]


def test_a_unit_that_may_take_another_incident_is_conditionally_available() -> None:
    def primary(state: str, **changes: Any) -> str:
        unit = made(incident(assignments=[assignment(state)]), team(**changes))["emergencyResourceComponent"][0]
        found: str = unit["primaryUnitStatusRegistryText"]
        return found

    assert primary("en_route", available=False) == "NotAvailable"
    assert primary("en_route", available=True) == "ConditionallyAvailable"
    assert primary("cleared", available=True) == "Available"
    (unseen,) = made(incident())["emergencyResourceComponent"]
    assert unseen["primaryUnitStatusRegistryText"] == "NotAvailable"


def test_a_team_that_was_offered_twice_is_one_unit_with_its_newest_state() -> None:
    found = made(incident(assignments=[assignment("expired"), assignment("on_scene")]), team())
    (unit,) = found["emergencyResourceComponent"]
    assert (unit["unitStatusInternal"], unit["secondaryUnitStatusRegistryText"]) == (["on_scene"], ["OnScene"])
    assert unit["activeOnIncidentId"] == found["$id"]
    (dispatch,) = found["dispatchComponent"]
    assert dispatch["emergencyResourceReference"] == [{"$ref": unit["$id"]}]
    assert TEAM_ID in unit["$id"]


def test_the_time_of_the_last_update_is_the_last_we_learnt() -> None:
    late = {**assignment(), "stamps": {"departed": stamp(95)}}
    assert made(incident(assignments=[late]))["lastUpdateTimeStamp"] == "2026-01-02T11:01:35.250+08:00"
    assert made(incident(assignments=[]))["lastUpdateTimeStamp"] == "2026-01-02T11:00:30.250+08:00"


def test_a_merge_says_which_incident_goes_on() -> None:
    (old,) = made(incident(duplicates=[OTHER_ID]))["mergeComponent"]
    assert (old["incidentMergeDirectionCode"], OTHER_ID in old["incidentTrackingIdentifier"]) == ("REPLACED", True)
    (root,) = made(incident(state="merged", merged_into=OTHER_ID))["mergeComponent"]
    assert root["incidentMergeDirectionCode"] == "REPLACING"


def test_a_drill_says_so_and_a_summary_cannot_carry_markup() -> None:
    notes = made(incident(exercise=True, summary="<b>气味</b> & 烟"))["notesComponent"]
    assert notes[0]["notesActionComments"].startswith("演练")
    assert notes[1]["notesActionComments"] == "&lt;b&gt;气味&lt;/b&gt; &amp; 烟"


def test_the_place_is_a_point_and_an_address_or_whichever_is_known() -> None:
    def parsed(**changes: Any) -> ET.Element:
        text = made(incident(**changes))["locationComponent"][0]["locationByValue"]
        return ET.fromstring(text)  # noqa: S314 our own output

    both = parsed()
    assert both.findtext(f".//{{{GML}}}pos") == "29.0801 119.6474"
    assert both.findtext(f".//{{{CIVIC}}}LOC") == "示例路1号"
    only_grid = parsed(lat=None, lon=None, address=None)
    assert only_grid.find(f".//{{{GML}}}pos") is None
    assert only_grid.findtext(f".//{{{CIVIC}}}LOC") == "99999900100100101"
    assert "locationComponent" not in made(incident(lat=None, lon=None, address=None, grid_code=None))
