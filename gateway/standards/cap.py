"""An incident as an alert of the Common Alerting Protocol 1.2 (OASIS, 1 July 2010): warnings and drills.

A message belongs to a fact of the timeline (cap_terms.TURNS), not to the moment somebody asks: between two such facts
every reader gets the same bytes under the same identifier, and an update names the messages it replaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from contracts.dispatch import codes
from gateway.standards import cap_terms
from gateway.standards.facts import View, facts_of
from gateway.standards.markup import add, document_of
from gateway.standards.moments import to_the_second

CONTENT_TYPE = "application/cap+xml"
NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
GEOCODE = "GB/T 2260+grid"


@dataclass(frozen=True, slots=True)
class Sending:
    """One message of an incident's alert."""

    identifier: str
    sent: str
    kind: str
    fact: str


def is_alert(incident: View) -> bool:
    """True for a public-safety warning (GB/T 30428 class 突发事件) and for every drill."""
    return bool(incident["exercise"]) or incident["category"] in cap_terms.WARNING_CATEGORY


def alert(incident: View, grid: View | None, sender: str) -> bytes:
    """The newest message of the alert, Restricted. `incident` has its timeline; `grid` is None where unknown."""
    sendings = _current(incident)
    now = sendings[-1]
    root = ET.Element("alert", {"xmlns": NAMESPACE})
    add(root, "identifier", now.identifier)
    add(root, "sender", sender)
    add(root, "sent", now.sent)
    add(root, "status", "Exercise" if incident["exercise"] else "Actual")
    add(root, "msgType", now.kind)
    add(root, "scope", "Restricted")
    add(root, "restriction", cap_terms.RESTRICTION)
    if incident["exercise"]:
        add(root, "note", cap_terms.DRILL_NOTE)
    if now.kind != "Alert":
        add(root, "references", " ".join(f"{sender},{each.identifier},{each.sent}" for each in sendings[:-1]))
    add(root, "incidents", incident["incident_id"])
    for language in cap_terms.LANGUAGES:
        _info(root, incident, grid, now, language)
    return document_of(root)


def _current(incident: View) -> list[Sending]:
    """The messages from the last one that began an alert; facts that repeat the one before say nothing new."""
    sendings: list[Sending] = []
    for fact, entry in facts_of(incident):
        last = sendings[-1].fact if sendings else ""
        if fact not in cap_terms.TURNS or fact == last:
            continue
        begins = not sendings or (last in cap_terms.ENDS and fact not in cap_terms.ENDS)
        kind = "Alert" if begins else "Cancel" if fact in cap_terms.ENDS else "Update"
        identifier = f"{incident['incident_id']}.{entry['seq']}"
        sending = Sending(identifier, to_the_second(entry["recorded_at"]), kind, fact)
        sendings = [sending] if begins else [*sendings, sending]
    return sendings


def _info(root: ET.Element, incident: View, grid: View | None, now: Sending, language: str) -> None:
    category, turn = codes.CATEGORIES[incident["category"]], cap_terms.TURNS[now.fact]
    event = category.zh if language == "zh-CN" else category.en
    place = _place(incident, grid, language)
    info = add(root, "info")
    add(info, "language", language)
    add(info, "category", cap_terms.WARNING_CATEGORY.get(category.code) or cap_terms.DRILL_CATEGORY[category.kind])
    add(info, "event", event)
    add(info, "responseType", turn.response)
    add(info, "urgency", "Past" if turn.over else cap_terms.URGENCY[incident["priority"]])
    add(info, "severity", _severity(incident))
    add(info, "certainty", turn.certainty)
    _pair(info, "eventCode", "APCO", category.apco)
    add(info, "onset", to_the_second(incident["stamps"]["received"]["occurred_at"]))
    prefix = cap_terms.DRILL_PREFIX[language] if incident["exercise"] else ""
    add(info, "headline", f"{prefix}{event}" + (f" · {place}" if place else ""))
    if language == "zh-CN" and incident.get("summary"):
        add(info, "description", incident["summary"])
    add(info, "instruction", turn.instruction[language])
    if place:
        _area(info, incident, place)


def _severity(incident: View) -> str:
    extreme = incident["priority"] == 1 and incident["alarm_level"] > 1
    return "Extreme" if extreme else cap_terms.SEVERITY[incident["priority"]]


def _place(incident: View, grid: Mapping[str, Any] | None, language: str) -> str | None:
    """The grid's name in the reader's language, else what is known; None of a place that nobody knows."""
    named = grid or {}
    name = named.get("name_en") if language == "en" else None
    known = name or named.get("name_zh") or incident.get("address") or incident.get("grid_code")
    if known is None and incident.get("lat") is not None:
        return f"{incident['lat']:.4f}, {incident['lon']:.4f}"
    return known


def _area(info: ET.Element, incident: View, place: str) -> None:
    area = add(info, "area")
    add(area, "areaDesc", place)
    if incident.get("lat") is not None and incident.get("lon") is not None:
        add(area, "circle", f"{incident['lat']:.6f},{incident['lon']:.6f} {cap_terms.REACH_KM}")
    if incident.get("grid_code"):
        _pair(area, "geocode", GEOCODE, incident["grid_code"])


def _pair(parent: ET.Element, name: str, value_name: str, value: str) -> None:
    pair = add(parent, name)
    add(pair, "valueName", value_name)
    add(pair, "value", value)
