"""EIDO in: what left as an EIDO comes in as the same incident, and what another system may send does no harm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidInput
from contracts.catalogue import load_command
from contracts.dispatch import codes
from gateway.standards.eido import eido
from gateway.standards.eido_intake import BY_APCO, create_incident
from gateway.standards.pidf import location_object
from tests.support.incident_views import INCIDENT_ID, incident, incidents

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=8,
)
INSIDE = {
    "incidentComponent": ("incidentTypeInternalCode", "incidentTypeInternalText", "incidentCommonPriorityNumber"),
    "locationComponent": ("locationTypeDescriptionRegistryText", "locationByValue"),
    "notesComponent": ("notesActionComments",),
    "callComponent": ("callStartTimestamp",),
    "callbackComponent": ("callBackInformationUri",),
}  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Nearly right: one member holds anything, and so do some members of what the others hold."""
    document = foreign()
    for name, inside in INSIDE.items():
        component = draw(st.dictionaries(st.sampled_from(inside), ANYTHING))
        document[name] = {**document[name], **component} if name == "incidentComponent" else [component]
    wrong = draw(st.none() | st.sampled_from(sorted(document)))
    return document if wrong is None else {**document, wrong: draw(ANYTHING)}


def foreign(**changes: Any) -> dict[str, Any]:
    """What a neighbouring county's system sends."""
    return {
        "$id": "urn:emergency:uid:incidentid:a56e:dispatch.neighbour.example", "eidoVersion": "1.0",
        "lastUpdateTimeStamp": "2026-01-02T11:00:00.000+08:00",
        "incidentComponent": {"incidentTypeCommonRegistryText": "GASLEAK", "incidentCommonPriorityNumber": 9},
        **changes,
    }  # fmt: skip


def accepted(document: dict[str, Any]) -> dict[str, Any]:
    """The intake, once the contract has accepted it too."""
    data, occurred_at = create_incident(document)
    load_command({"command": "incident.create", "key": "k", "occurred_at": occurred_at, "data": data})
    return data


def placed(text: str) -> list[dict[str, Any]]:
    return [{"locationTypeDescriptionRegistryText": "CurrentIncident", "locationByValue": text}]


@given(incidents())
def test_what_leaves_as_an_eido_comes_in_as_the_same_incident(view: dict[str, Any]) -> None:
    data = accepted(json.loads(json.dumps(eido(view, {}, "county.wangge.example"))))
    assert data["reference"] == {"system": "eido-county-wangge-example", "number": INCIDENT_ID}
    assert (data["category"], data["priority"]) == (view["category"], view["priority"])
    assert data["exercise"] is view["exercise"]
    location = data.get("location", {})
    assert (location.get("lat"), location.get("lon")) == (view["lat"], view["lon"])


def refused(document: dict[str, Any]) -> str | None:
    """The member by which a document is refused; None when it is taken in."""
    try:
        accepted(document)
    except InvalidInput as refusal:
        return refusal.field or "nothing"
    return None


@given(documents())
def test_whatever_is_sent_is_taken_in_or_refused_by_its_member(document: dict[str, Any]) -> None:
    field = refused(document)
    assert field is None or field.partition(".")[0] in document or field == "locationByValue"


@given(st.text(max_size=60) | st.text("<>/abc =\"'&;", max_size=60))
def test_whatever_stands_for_a_place_is_read_or_refused(text: str) -> None:
    assert refused(foreign(locationComponent=placed(text))) in (None, "locationByValue")


def test_a_place_that_declares_entities_is_refused_before_it_can_grow() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'
    with pytest.raises(InvalidInput) as refusal:
        create_incident(foreign(locationComponent=placed(bomb)))
    assert refusal.value.rule == "xml"


def test_a_common_type_is_one_category_or_other_with_its_words() -> None:
    assert accepted(foreign())["category"] == "gas_leak"
    assert set(BY_APCO.values()) <= set(codes.CATEGORIES)
    assert all(codes.CATEGORIES[category].apco == common for common, category in BY_APCO.items())
    vague = {"incidentTypeCommonRegistryText": "CIVIL", "incidentTypeInternalText": "Boundary quarrel"}
    data = accepted(foreign(incidentComponent=vague))
    assert (data["category"], data["summary"]) == ("other", "Boundary quarrel")


def test_our_internal_code_of_another_type_is_not_believed() -> None:
    told = {"incidentTypeCommonRegistryText": "FSTRU", "incidentTypeInternalCode": "fight"}
    assert accepted(foreign(incidentComponent=told))["category"] == "structure_fire"


@pytest.mark.parametrize(("number", "priority"), [(10, 1), (8, 1), (7, 2), (5, 2), (4, 3), (0, 3)])
def test_ten_steps_of_priority_are_three_of_ours(number: int, priority: int) -> None:
    told = {"incidentTypeCommonRegistryText": "GASLEAK", "incidentCommonPriorityNumber": number}
    assert accepted(foreign(incidentComponent=told))["priority"] == priority


def test_notes_are_read_as_words_and_the_caller_is_sealed_and_the_call_gives_the_time() -> None:
    document = foreign(
        notesComponent=[{"notesActionComments": "<p>Smell of <b>gas</b> &amp; smoke</p>"}],
        callbackComponent=[{"callBackInformationUri": ["sip:a@example.org", "tel:+0-000-0000"]}],
        callComponent=[{"callStartTimestamp": "2026-01-02T10:59:00.0+08:00"}],
    )
    data, occurred_at = create_incident(document)
    assert (data["summary"], data["caller"]) == ("Smell of gas & smoke", {"phone": "+0-000-0000"})
    assert occurred_at == "2026-01-02T02:59:00.000000Z"


def test_the_incidents_own_place_comes_before_the_callers() -> None:
    caller = location_object("x", point=(1.0, 2.0), words=None)
    here = location_object("x", point=(29.5, 119.5), words="示例路1号")
    places = [
        {"locationTypeDescriptionRegistryText": "Caller", "locationByValue": caller},
        {"locationTypeDescriptionRegistryText": "CurrentIncident", "locationByValue": here},
    ]
    assert accepted(foreign(locationComponent=places))["location"] == {
        "lat": 29.5,
        "lon": 119.5,
        "address": "示例路1号",
    }
    elsewhere = [{"locationTypeDescriptionRegistryText": "Caller", "locationByReferenceUrl": "https://example.org/1"}]
    assert "location" not in accepted(foreign(locationComponent=elsewhere))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"eidoVersion": "2.0"}, "eidoVersion"),
        ({"$id": "a56e"}, "$id"),
        ({"$id": None}, "$id"),
        ({"incidentComponent": None}, "incidentComponent"),
        ({"incidentComponent": {}}, "incidentComponent.incidentTypeCommonRegistryText"),
        ({"lastUpdateTimeStamp": "yesterday"}, "lastUpdateTimeStamp"),
        ({"notesComponent": {}}, "notesComponent"),
    ],
)
def test_what_the_standard_requires_and_is_not_there_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        create_incident(foreign(**changes))
    assert refusal.value.field == field


def test_a_drill_of_ours_stays_a_drill() -> None:
    assert accepted(eido(incident(exercise=True), {}, "county.wangge.example"))["exercise"] is True
