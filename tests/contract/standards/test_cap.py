"""CAP out: a well-formed CAP 1.2 alert for whatever a warning or a drill says, and one message for one fact."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.dispatch import codes
from gateway.standards import cap_terms
from gateway.standards.cap import alert, is_alert
from tests.contract.standards.cap_structure import NAMESPACE, faults
from tests.support.incident_views import INCIDENT_ID, incident, incidents, timeline

SENDER = "county.wangge.example"
GRID = {"code": "99999900100100101", "name_zh": "演示社区第一网格", "name_en": "Demo community grid 1"}
WARNINGS = st.sampled_from(sorted(cap_terms.WARNING_CATEGORY))


def made(view: dict[str, Any], grid: dict[str, Any] | None = GRID) -> ET.Element:
    """The alert, read again."""
    document = alert(view, grid, SENDER)
    assert faults(document) == []
    return ET.fromstring(document)  # noqa: S314 our own output


def text(root: ET.Element, path: str) -> str | None:
    return root.findtext("/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/")))


def texts(root: ET.Element, path: str) -> list[str]:
    return [found.text or "" for found in root.findall("/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/")))]


def after(*facts: str, **changes: Any) -> ET.Element:
    return made(incident(timeline=timeline(*facts), **changes))


@given(incidents(category=WARNINGS), st.none() | st.just(GRID))
def test_every_warning_is_a_cap_alert(view: dict[str, Any], grid: dict[str, Any] | None) -> None:
    root = made(view, grid)
    assert text(root, "status") == ("Exercise" if view["exercise"] else "Actual")
    assert texts(root, "info/language") == ["zh-CN", "en"]


@given(st.text(min_size=1))
def test_any_text_is_carried_or_replaced_and_never_breaks_the_document(summary: str) -> None:
    """Also what the contract would refuse: control characters, halves of a surrogate pair, markup."""
    view = {**incident(), "summary": summary, "address": summary, "grid_code": None}
    root = ET.fromstring(alert(view, None, SENDER))  # noqa: S314 our own output
    carried = text(root, "info/description") or ""
    expected = summary.replace("\r\n", "\n").replace("\r", "\n")
    assert len(carried) == len(expected)
    assert all(now in (was, "\ufffd") for was, now in zip(expected, carried, strict=True))
    assert len(list(root)) == len(list(ET.fromstring(alert(incident(), None, SENDER))))  # noqa: S314 our own output


def test_markup_in_a_summary_is_text() -> None:
    summary = "</description><info>&amp;]]><!--'\""
    assert text(made(incident(summary=summary)), "info/description") == summary


def test_the_check_notices_what_breaks_the_standard() -> None:
    good = alert(incident(timeline=timeline("arrived")), GRID, SENDER).decode()
    assert faults(good.encode()) == []
    for what, instead in (
        ("+08:00</sent>", "Z</sent>"), ("<status>Actual", "<status>Real"), ("Restricted", "Somebody"),
        ("restriction>", "remark>"), ("<references>", "<references>x "), ("<msgType>Update", "<msgType>Change"),
        (">Immediate<", ">Soon<"), (NAMESPACE, NAMESPACE[:-1] + "1"), ("<event>", "<event x='1'>"),
        (" 0.5</circle>", "</circle>"),
    ):  # fmt: skip
        assert what in good
        assert faults(good.replace(what, instead).encode()) != [], what


def test_the_categories_that_warn_are_the_emergencies_of_gbt_30428() -> None:
    emergencies = {category.code for category in codes.CATEGORIES.values() if category.gbt_30428 == "突发事件"}
    assert set(cap_terms.WARNING_CATEGORY) == emergencies
    assert set(cap_terms.DRILL_CATEGORY) == set(codes.KINDS)
    assert set(cap_terms.URGENCY) == set(cap_terms.SEVERITY) == set(codes.PRIORITIES)


@pytest.mark.parametrize("category", sorted(codes.CATEGORIES))
def test_a_drill_of_any_category_is_an_exercise_and_says_so(category: str) -> None:
    view = incident(category=category, exercise=True)
    assert is_alert(view)
    root = made(view)
    assert (text(root, "status"), text(root, "note")) == ("Exercise", cap_terms.DRILL_NOTE)
    assert texts(root, "info/headline")[0].startswith("【演练】")


def test_what_concerns_one_person_is_no_warning() -> None:
    for category in ("self_harm_risk", "domestic_violence", "lost_person", "medical", "wage_gathering"):
        assert not is_alert(incident(category=category))


def test_a_message_belongs_to_a_fact_and_an_update_names_what_it_replaces() -> None:
    first = after()
    assert (text(first, "msgType"), text(first, "sent")) == ("Alert", "2026-01-02T11:00:10+08:00")
    assert text(first, "references") is None
    update = after("pushed", "assigned", "arrived")
    assert (text(update, "msgType"), text(update, "identifier")) == ("Update", f"{INCIDENT_ID}.4")
    assert text(update, "references") == f"{SENDER},{INCIDENT_ID}.1,2026-01-02T11:00:10+08:00"
    end = after("pushed", "arrived", "resolved", "closed", "archived")
    assert (text(end, "msgType"), text(end, "info/responseType")) == ("Cancel", "AllClear")
    assert len((text(end, "references") or "").split()) == 3


def test_between_two_facts_that_matter_every_reader_gets_the_same_bytes() -> None:
    early = incident(state="received", assignments=[], timeline=timeline())
    late = incident(state="en_route", timeline=timeline("pushed", "assigned", "accepted", "departed", "note_added"))
    assert alert(early, GRID, SENDER) == alert(late, GRID, SENDER)
    arrived = [alert(incident(timeline=timeline("arrived", *more)), GRID, SENDER) for more in ((), ("arrived",))]
    assert arrived[0] == arrived[1]


def test_what_is_opened_again_after_its_end_is_a_new_alert_and_before_it_an_update() -> None:
    again = after("arrived", "resolved", "closed", "reopened")
    assert (text(again, "msgType"), text(again, "references")) == ("Alert", None)
    assert text(after("arrived", "resolved", "reopened"), "msgType") == "Update"


@pytest.mark.parametrize(
    ("facts", "kind", "response", "urgency", "certainty"),
    [
        ((), "Alert", "Avoid", "Immediate", "Likely"),
        (("arrived",), "Update", "Avoid", "Immediate", "Observed"),
        (("arrived", "resolved"), "Update", "AllClear", "Past", "Observed"),
        (("cancelled",), "Cancel", "AllClear", "Past", "Unlikely"),
        (("merged",), "Cancel", "Monitor", "Past", "Likely"),
    ],
)
def test_each_turn_tells_what_to_do_and_how_sure_we_are(
    facts: tuple[str, ...], kind: str, response: str, urgency: str, certainty: str
) -> None:
    root = after(*facts)
    assert text(root, "msgType") == kind
    assert texts(root, "info/responseType") == [response] * 2
    assert texts(root, "info/urgency") == [urgency] * 2
    assert texts(root, "info/certainty") == [certainty] * 2


def test_the_area_is_the_grids_name_in_each_language_its_code_and_a_circle() -> None:
    root = made(incident())
    assert texts(root, "info/area/areaDesc") == ["演示社区第一网格", "Demo community grid 1"]
    assert texts(root, "info/area/circle") == ["29.080100,119.647400 0.5"] * 2
    assert texts(root, "info/area/geocode/value") == ["99999900100100101"] * 2
    nameless = made(incident(address=None, lat=None, lon=None), None)
    assert texts(nameless, "info/area/areaDesc") == ["99999900100100101"] * 2
    nowhere = made(incident(address=None, lat=None, lon=None, grid_code=None), None)
    assert texts(nowhere, "info/area/areaDesc") == []


def test_it_is_restricted_and_nobody_is_in_it() -> None:
    document = alert(incident(), GRID, SENDER).decode()
    assert "<scope>Restricted</scope>" in document
    assert "000****0000" not in document
