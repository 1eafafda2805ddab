"""An EIDO of another system as the command that takes an incident in (NENA-STA-021.1, EIDO 1.0).

Only form is judged here; dispatch decides. Nothing is fetched: what is given by reference stays where it is. What
another system calls its incident becomes our `reference`, so that the same object comes in once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

from chassis.clock import format_time, parse_time
from chassis.errors import InvalidInput
from contracts.dispatch import codes
from gateway.standards.eido import EIDO_VERSION, EXERCISE
from gateway.standards.pidf import read_location

_TRACKING = re.compile(r"urn:emergency:uid:incidentid:([A-Za-z0-9._-]{1,64}):([A-Za-z0-9.-]{1,59})")
_OURS = re.compile(r"[a-z0-9-]{1,59}")
_PLACES = ("CurrentIncident", "InitialIncident", "Caller")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
LONGEST_SUMMARY, LONGEST_ADDRESS, LONGEST_PHONE = 2000, 200, 32

_TIMES = Counter(category.apco for category in codes.CATEGORIES.values())
BY_APCO = {each.apco: each.code for each in codes.CATEGORIES.values() if _TIMES[each.apco] == 1}
BY_APCO |= {"HAZMAT": "hazmat", "CITASST": "citizen_assist", "CIVDIS": "gathering", "ELECHZD": "electrical_hazard"}
"""A common type that several of our categories share and none stands for becomes `other`, with its words."""


def create_incident(document: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Data of `incident.create`, and when it happened (RFC 3339). Raises InvalidInput naming the member."""
    if document.get("eidoVersion") != EIDO_VERSION:
        raise InvalidInput(f"eidoVersion must be {EIDO_VERSION}", field="eidoVersion", rule="one_of")
    incident = document.get("incidentComponent")
    if not isinstance(incident, dict):
        raise InvalidInput("incidentComponent must be there", code="missing_field", field="incidentComponent")
    common = incident.get("incidentTypeCommonRegistryText")
    if not isinstance(common, str):
        raise InvalidInput(
            "incidentTypeCommonRegistryText must be there", code="missing_field",
            field="incidentComponent.incidentTypeCommonRegistryText",
        )  # fmt: skip
    category, notes = _category(incident, common), list(_notes(document))
    told: dict[str, Any] = {
        "summary": _summary(incident, category, common, notes), "location": _location(document),
        "caller": _caller(document), "priority": _priority(incident),
    }  # fmt: skip
    data = {"source": "system", "reference": _reference(document), "category": category, "push": True,
            "exercise": EXERCISE in notes, **{name: value for name, value in told.items() if value}}  # fmt: skip
    return data, _happened(document)


def _reference(document: Mapping[str, Any]) -> dict[str, str]:
    match = _TRACKING.fullmatch(_text(document, "$id"))
    system = match[2].lower().replace(".", "-") if match else ""
    if match is None or not _OURS.fullmatch(system):
        raise InvalidInput("$id must be urn:emergency:uid:incidentid:<string>:<domain>", field="$id", rule="pattern")
    return {"system": f"eido-{system}", "number": match[1]}


def _category(incident: Mapping[str, Any], common: str) -> str:
    own = codes.CATEGORIES.get(_text(incident, "incidentTypeInternalCode"))
    if own is not None and own.apco == common:
        return own.code
    return BY_APCO.get(common, "other")


def _priority(incident: Mapping[str, Any]) -> int | None:
    number = incident.get("incidentCommonPriorityNumber")
    if number is None:
        return None
    if type(number) is not int or not 0 <= number <= 10:
        raise InvalidInput(
            "incidentCommonPriorityNumber must be a whole number from 0 to 10",
            field="incidentComponent.incidentCommonPriorityNumber", rule="range",
        )  # fmt: skip
    return 1 if number >= 8 else 2 if number >= 5 else 3


def _summary(incident: Mapping[str, Any], category: str, common: str, notes: list[str]) -> str | None:
    words = (_text(incident, "incidentTypeInternalText") or common) if category == "other" else ""
    lines = [line for line in (words, *notes) if line and line != EXERCISE]
    return _CONTROL.sub(" ", "\n".join(lines))[:LONGEST_SUMMARY].strip() or None


def _notes(document: Mapping[str, Any]) -> Iterator[str]:
    for note in _components(document, "notesComponent"):
        text = _Words()
        text.feed(_text(note, "notesActionComments"))
        text.close()
        yield "".join(text.words).strip()


def _location(document: Mapping[str, Any]) -> dict[str, Any]:
    """The best place that is given by value."""
    places = [
        each for each in _components(document, "locationComponent") if isinstance(each.get("locationByValue"), str)
    ]
    kinds = {_text(each, "locationTypeDescriptionRegistryText"): each for each in reversed(places)}
    place = next((kinds[kind] for kind in _PLACES if kind in kinds), None)
    if place is None:
        return {}
    point, words = read_location(place["locationByValue"])
    found: dict[str, Any] = {"lat": point[0], "lon": point[1]} if point else {}
    address = _CONTROL.sub(" ", words)[:LONGEST_ADDRESS].strip()
    return {**found, "address": address} if address else found


def _caller(document: Mapping[str, Any]) -> dict[str, str]:
    for callback in _components(document, "callbackComponent"):
        uris = callback.get("callBackInformationUri")
        for uri in uris if isinstance(uris, list) else ():
            if isinstance(uri, str) and re.fullmatch(r"tel:\+?[0-9-]{3,31}", uri):
                return {"phone": uri.removeprefix("tel:")[:LONGEST_PHONE]}
    return {}


def _happened(document: Mapping[str, Any]) -> str:
    starts = [call.get("callStartTimestamp") for call in _components(document, "callComponent")]
    told = next((start for start in starts if start), document.get("lastUpdateTimeStamp"))
    try:
        return format_time(parse_time(told))  # type: ignore[arg-type]
    except ValueError as error:
        raise InvalidInput(f"lastUpdateTimeStamp: {error}", field="lastUpdateTimeStamp", rule="date_time") from None


def _components(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = document.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InvalidInput(f"{name} must be a list of objects", field=name, rule="type")
    return found


def _text(component: Mapping[str, Any], name: str) -> str:
    """A text member; empty when it is absent or no text."""
    value = component.get(name)
    return value if isinstance(value, str) else ""


class _Words(HTMLParser):
    """The words of a note in HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)
