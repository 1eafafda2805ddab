"""Open311 GeoReport v2: the answers fit the published structure in both forms, whatever the incident."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from chassis.errors import InvalidInput, NotFound, ServiceError, Unauthorised, Unavailable
from contracts.catalogue import load_command
from contracts.dispatch import codes
from gateway.routes.form import parse_form
from gateway.routes.open311_search import span
from gateway.standards import open311
from gateway.standards.open311_forms import refused, status_of, written
from gateway.standards.open311_intake import create_incident
from tests.support.incident_views import incident, incidents, moment, stamp

# The fields of the specification: name, may it be null, what else it must be. In its order, which XML keeps.
TEXT: dict[str, Any] = {"type": "string"}
MOMENT = {"type": "string", "format": "date-time", "pattern": r"T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$"}
REQUEST_FIELDS: dict[str, tuple[bool, dict[str, Any]]] = {
    "service_request_id": (False, TEXT), "status": (False, {"enum": ["open", "closed"]}), "status_notes": (True, TEXT),
    "service_name": (True, TEXT), "service_code": (False, TEXT), "description": (True, {**TEXT, "maxLength": 4000}),
    "agency_responsible": (True, TEXT), "service_notice": (True, TEXT), "requested_datetime": (False, MOMENT),
    "updated_datetime": (True, MOMENT), "expected_datetime": (True, MOMENT), "address": (True, TEXT),
    "address_id": (True, TEXT), "zipcode": (True, TEXT), "lat": (True, {"type": "number"}),
    "long": (True, {"type": "number"}), "media_url": (True, TEXT),
}  # fmt: skip
SERVICE_FIELDS: dict[str, tuple[bool, dict[str, Any]]] = {
    "service_code": (False, TEXT), "service_name": (False, TEXT), "description": (True, TEXT),
    "metadata": (False, {"type": "boolean"}), "type": (False, {"enum": ["realtime", "batch", "blackbox"]}),
    "keywords": (True, TEXT), "group": (True, TEXT),
}  # fmt: skip
ATTRIBUTE_FIELDS: dict[str, tuple[bool, dict[str, Any]]] = {
    "variable": (False, {"type": "boolean"}), "code": (False, TEXT),
    "datatype": (False, {"enum": ["string", "number", "datetime", "text", "singlevaluelist", "multivaluelist"]}),
    "required": (False, {"type": "boolean"}), "datatype_description": (True, TEXT),
    "order": (False, {"type": "integer", "minimum": 1}), "description": (False, TEXT),
    "values": (False, {"type": "array", "items": {"type": "object", "required": ["key", "name"]}}),
}  # fmt: skip


def checked(fields: dict[str, tuple[bool, dict[str, Any]]], found: dict[str, Any]) -> None:
    """Every field of the specification is there, in its order, and no other."""
    members = {name: {"anyOf": [rule, {"type": "null"}]} if null else rule for name, (null, rule) in fields.items()}
    schema = {"type": "object", "required": list(fields), "properties": members, "additionalProperties": False}
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(found)
    assert list(found) == list(fields)


def same(xml: ET.Element, found: Any) -> bool:
    """Does an element hold what JSON holds? Null is an empty element, true is `true`; XML has no U+FFFE and U+FFFF."""
    if isinstance(found, dict):
        return [child.tag for child in xml] == list(found) and all(map(same, xml, found.values()))
    if isinstance(found, list):
        return len(xml) == len(found) and all(map(same, xml, found))
    text = "" if found is None else str(found).lower() if isinstance(found, bool) else str(found)
    return (xml.text or "") == re.sub("[\ufffe\uffff]", "\ufffd", text) and len(xml) == 0


def form(**fields: str) -> dict[str, list[str]]:
    return {"service_code": ["manhole"], "lat": ["29.08"], "long": ["119.64"], "attribute[danger]": ["no"],
            **{name: [value] for name, value in fields.items()}}  # fmt: skip


def test_the_services_are_the_demands_and_hazards_and_every_one_has_a_definition() -> None:
    found = json.loads(written("services", open311.services(), "json"))
    wanted = [code for code, each in codes.CATEGORIES.items() if each.kind in ("demand", "hazard")]
    assert [service["service_code"] for service in found] == wanted
    for service in found:
        checked(SERVICE_FIELDS, service)
        definition = open311.definition(service["service_code"])
        assert service["metadata"] is bool(definition["attributes"])
        for order, attribute in enumerate(definition["attributes"], 1):
            checked(ATTRIBUTE_FIELDS, attribute)
            assert attribute["order"] == order
            assert bool(attribute["values"]) is attribute["datatype"].endswith("valuelist")


@pytest.mark.parametrize(
    ("root", "content"), [("services", open311.services()), ("service_definition", open311.definition("manhole"))]
)
def test_xml_and_json_hold_the_same(root: str, content: Any) -> None:
    document = written(root, content, "xml")
    assert document.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    found = ET.fromstring(document)  # noqa: S314 our own output
    assert found.tag == root
    assert same(found, json.loads(written(root, content, "json")))


@given(incidents(category=st.sampled_from(sorted(open311.SERVICES))))
def test_every_demand_and_hazard_is_a_service_request_in_both_forms(view: dict[str, Any]) -> None:
    found = open311.service_request(view)
    checked(REQUEST_FIELDS, json.loads(written("service_requests", [found], "json"))[0])
    (request,) = ET.fromstring(written("service_requests", [found], "xml"))  # noqa: S314 our own output
    assert request.tag == "request"
    assert same(request, found)


@pytest.mark.parametrize("state", sorted(codes.STATES))
def test_a_request_is_open_until_it_is_resolved(state: str) -> None:
    ended = state in ("resolved", "closed", "archived", "cancelled", "merged")
    assert open311.service_request(incident(category="manhole", state=state))["status"] == (
        "closed" if ended else "open"
    )


def test_what_is_no_demand_and_no_hazard_and_every_drill_stays_inside() -> None:
    assert open311.is_request(incident(category="manhole"))
    assert not open311.is_request(incident(category="manhole", exercise=True))
    for category in ("fraud", "domestic_violence", "whistle", "wage_gathering"):
        assert not open311.is_request(incident(category=category))


def test_a_closed_request_was_last_updated_when_it_was_closed_and_an_open_one_when_we_last_learnt_something() -> None:
    stamps = {"received": stamp(10), "resolved": stamp(40), "closed": stamp(50)}
    closed = open311.service_request(incident(category="manhole", state="closed", stamps=stamps))
    assert closed["updated_datetime"] == "2026-01-02T11:00:50+08:00"
    still = open311.service_request(incident(category="manhole"))
    assert (still["requested_datetime"], still["updated_datetime"]) == (
        "2026-01-02T11:00:10+08:00", "2026-01-02T11:00:30+08:00",
    )  # fmt: skip


def test_it_is_expected_when_its_running_clock_is_due() -> None:
    clock = {"stage": "resolve", "generation": 1, "state": "running", "started_at": moment(10), "due_at": moment(3599),
             "warn_at": None, "target_seconds": 3589, "met_at": None, "holder": None, "holder_kind": None}  # fmt: skip
    running = open311.service_request(incident(category="manhole", clocks=[clock]))
    assert running["expected_datetime"] == "2026-01-02T11:59:59+08:00"
    met = open311.service_request(incident(category="manhole", clocks=[{**clock, "state": "met"}]))
    assert met["expected_datetime"] is None


def test_nobody_is_in_a_service_request() -> None:
    assert "000****0000" not in json.dumps(open311.service_request(incident(category="manhole")))


def test_a_posted_form_becomes_an_intake_of_a_resident() -> None:
    told = form(
        description="井盖不见了", first_name="甲", last_name="测试", phone="00000000000", address_string="示例路1号",
        address_id="99999900100100101", email="a@example.org", media_url="https://example.org/1.jpg",
    )  # fmt: skip
    data = create_incident({**told, "attribute[since]": ["2026-01-02T11:00:00+08:00"], "device_id": [""]})
    assert data == {
        "source": "resident", "category": "manhole", "push": True,
        "location": {"lat": 29.08, "lon": 119.64, "address": "示例路1号", "grid_code": "99999900100100101"},
        "caller": {"name": "测试甲", "phone": "00000000000"},
        "summary": "井盖不见了\n现在是否危及人身安全：否\n何时发现：2026-01-02T03:00:00.000000Z",
    }  # fmt: skip
    load_command({"command": "incident.create", "key": "k", "data": data})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"service_code": [""]}, "service_code"),
        ({"service_code": ["noise", "manhole"]}, "service_code"),
        ({"lat": ["here"]}, "lat"),
        ({"long": ["1e3"]}, "long"),
        ({"lat": [], "long": [" "]}, "lat"),
        ({"attribute[danger]": []}, "attribute[danger]"),
        ({"attribute[danger]": ["perhaps"]}, "attribute[danger]"),
        ({"attribute[since]": ["yesterday"]}, "attribute[since]"),
        ({"attribute[colour]": ["red"]}, "attribute[colour]"),
        ({"attribute[danger][]": ["no"]}, "attribute[danger][]"),
    ],
)
def test_a_form_that_cannot_be_understood_is_refused_by_its_own_field(change: dict[str, list[str]], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        create_incident({**form(), **change})
    assert refusal.value.field == field
    assert status_of(refusal.value) == 400


def test_a_service_that_is_not_offered_is_not_found() -> None:
    for code in ("fraud", "nothing"):
        with pytest.raises(NotFound):
            create_incident(form(service_code=code))


def test_errors_are_a_list_of_code_and_description_under_the_senders_names() -> None:
    error = InvalidInput("data.location.lat: must be from -90 to 90", field="data.location.lat")
    assert refused(error) == [{"code": 400, "description": "输入有误 · Invalid input: lat: must be from -90 to 90"}]
    several = InvalidInput(
        "x", errors=[{"field": "data.summary", "detail": "a"}, {"field": "service_code", "detail": "b"}]
    )
    assert [each["description"].partition(": ")[2] for each in refused(several)] == [
        "description: a",
        "service_code: b",
    ]
    document = written("errors", refused(error), "xml")
    assert [child.tag for child in ET.fromstring(document)[0]] == ["code", "description"]  # noqa: S314 our own output


@pytest.mark.parametrize(
    ("error", "status"),
    [(Unauthorised("x"), 403), (NotFound("x"), 404), (Unavailable("x"), 503), (ServiceError("x"), 500)],
)
def test_the_status_is_the_one_of_the_specification(error: ServiceError, status: int) -> None:
    assert status_of(error) == status


def test_a_span_is_at_most_ninety_days_and_both_its_ends_are_in_it() -> None:
    now, day, tick = datetime(2026, 6, 1, tzinfo=UTC), timedelta(days=1), timedelta(microseconds=1)
    assert span(None, None, now) == (now + tick - 90 * day, now + tick)
    assert span("2026-05-30T00:00:00Z", None, now) == (now - 2 * day, now + tick)
    assert span("2026-01-01T00:00:00Z", None, now)[1] == datetime(2026, 4, 1, tzinfo=UTC) + tick
    assert span("2026-03-03T00:00:00Z", "2026-06-01T00:00:00Z", now) == (now - 90 * day, now + tick)
    for start, end in (
        ("2026-03-02T23:59:59Z", "2026-06-01T00:00:00Z"),
        ("2026-06-02T00:00:00Z", "2026-06-01T00:00:00Z"),
    ):
        with pytest.raises(InvalidInput):
            span(start, end, now)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20), st.lists(st.text(max_size=30), min_size=1, max_size=3), max_size=9
    )
)
def test_a_form_is_read_as_it_was_written(fields: dict[str, list[str]]) -> None:
    assert parse_form(urlencode(fields, doseq=True).encode()) == fields
