"""The structure of a CAP 1.2 alert as tables, from the element tables of the standard (section 3.2), and its check.

An element is (name, at least, at most, rule), in the standard's order. A rule is a pattern that the whole text must
match, or the name of the table of a structure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MANY = 10_000
ANY = r"(?s:.+)"
ID = r"[^\s,<&]+"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d"
REFERENCE = rf"{ID},{ID},{TIME}"
DEGREES = r"-?\d{1,2}(\.\d+)?,-?\d{1,3}(\.\d+)?"

TABLES: dict[str, tuple[tuple[str, int, int, str], ...]] = {
    "alert": (
        ("identifier", 1, 1, ID), ("sender", 1, 1, ID), ("sent", 1, 1, TIME),
        ("status", 1, 1, "Actual|Exercise|System|Test|Draft"), ("msgType", 1, 1, "Alert|Update|Cancel|Ack|Error"),
        ("source", 0, 1, ANY), ("scope", 1, 1, "Public|Restricted|Private"), ("restriction", 0, 1, ANY),
        ("addresses", 0, 1, ANY), ("code", 0, MANY, ANY), ("note", 0, 1, ANY),
        ("references", 0, 1, rf"{REFERENCE}( {REFERENCE})*"), ("incidents", 0, 1, ANY), ("info", 0, MANY, "info"),
    ),
    "info": (
        ("language", 0, 1, "[a-z]{2,3}(-[A-Z]{2})?"),
        ("category", 1, MANY, "Geo|Met|Safety|Security|Rescue|Fire|Health|Env|Transport|Infra|CBRNE|Other"),
        ("event", 1, 1, ANY),
        ("responseType", 0, MANY, "Shelter|Evacuate|Prepare|Execute|Avoid|Monitor|Assess|AllClear|None"),
        ("urgency", 1, 1, "Immediate|Expected|Future|Past|Unknown"),
        ("severity", 1, 1, "Extreme|Severe|Moderate|Minor|Unknown"),
        ("certainty", 1, 1, "Observed|Likely|Possible|Unlikely|Unknown"),
        ("audience", 0, 1, ANY), ("eventCode", 0, MANY, "pair"), ("effective", 0, 1, TIME), ("onset", 0, 1, TIME),
        ("expires", 0, 1, TIME), ("senderName", 0, 1, ANY), ("headline", 0, 1, ANY), ("description", 0, 1, ANY),
        ("instruction", 0, 1, ANY), ("web", 0, 1, ANY), ("contact", 0, 1, ANY), ("parameter", 0, MANY, "pair"),
        ("area", 0, MANY, "area"),
    ),
    "area": (
        ("areaDesc", 1, 1, ANY), ("polygon", 0, MANY, rf"{DEGREES}( {DEGREES}){{3,}}"),
        ("circle", 0, MANY, rf"{DEGREES} \d+(\.\d+)?"), ("geocode", 0, MANY, "pair"), ("altitude", 0, 1, r"-?\d+"),
        ("ceiling", 0, 1, r"-?\d+"),
    ),
    "pair": (("valueName", 1, 1, ANY), ("value", 1, 1, ANY)),
}  # fmt: skip


def faults(document: bytes) -> list[str]:
    """What keeps a document from being a CAP 1.2 alert; nothing when it is one. Raises ParseError for bad XML."""
    root = ET.fromstring(document)  # noqa: S314 our own output
    if root.tag != f"{{{NAMESPACE}}}alert":
        return [f"the root is {root.tag}"]
    return [*_structure(root, "alert"), *_prose(root)]


def _structure(element: ET.Element, table: str) -> Iterator[str]:
    rows = TABLES[table]
    names = [child.tag.removeprefix(f"{{{NAMESPACE}}}") for child in element]
    order = [name for name, *_ in rows]
    yield from (f"{table} may not have {name}" for name in names if name not in order)
    known = [order.index(name) for name in names if name in order]
    if known != sorted(known):
        yield f"{table}: the order is {names}"
    if element.attrib or (element.text or "").strip():
        yield f"{table}: has attributes or text of its own"
    for name, least, most, rule in rows:
        if not least <= names.count(name) <= most:
            yield f"{table}: {names.count(name)} of {name}"
        for child in element.findall(f"{{{NAMESPACE}}}{name}"):
            yield from _content(child, name, rule)


def _content(child: ET.Element, name: str, rule: str) -> Iterator[str]:
    if rule in TABLES:
        yield from _structure(child, rule)
    elif len(child) or child.attrib or not re.fullmatch(rule, child.text or ""):
        yield f"{name}: {child.text!r}"


def _prose(root: ET.Element) -> Iterator[str]:
    """What the tables' notes ask for: when a conditional element must be there."""
    found = {child.tag.removeprefix(f"{{{NAMESPACE}}}"): child.text for child in root}
    needs = {"Restricted": "restriction", "Private": "addresses"}.get(found.get("scope") or "")
    if needs and needs not in found:
        yield f"scope {found['scope']} needs {needs}"
    if found.get("msgType") in ("Update", "Cancel", "Ack", "Error") and "references" not in found:
        yield f"msgType {found['msgType']} needs references"
