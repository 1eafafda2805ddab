"""A place as PIDF-LO (RFC 4119, RFC 5491, civic fields of RFC 5139), the form emergency networks exchange."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from chassis.errors import InvalidInput
from gateway.standards.markup import add, document_of

PIDF = "urn:ietf:params:xml:ns:pidf"
DATA_MODEL = "urn:ietf:params:xml:ns:pidf:data-model"
GEOPRIV = "urn:ietf:params:xml:ns:pidf:geopriv10"
CIVIC = "urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"
GML = "http://www.opengis.net/gml"
WGS84 = "urn:ogc:def:crs:EPSG::4326"
for _prefix, _uri in (("pidf", PIDF), ("dm", DATA_MODEL), ("gp", GEOPRIV), ("ca", CIVIC), ("gml", GML)):
    ET.register_namespace(_prefix, _uri)


def location_object(entity: str, *, point: tuple[float, float] | None, words: str | None) -> str | None:
    """The document of a point (latitude, longitude), of an address in words, or both; None of neither."""
    if point is None and not words:
        return None
    root = ET.Element(f"{{{PIDF}}}presence", {"entity": f"pres:{entity}"})
    device = ET.SubElement(root, f"{{{DATA_MODEL}}}device", {"id": "place"})
    geopriv = add(device, f"{{{GEOPRIV}}}geopriv")
    info = add(geopriv, f"{{{GEOPRIV}}}location-info")
    if point is not None:
        shape = ET.SubElement(info, f"{{{GML}}}Point", {"srsName": WGS84})
        add(shape, f"{{{GML}}}pos", f"{point[0]} {point[1]}")
    if words:
        civic = add(info, f"{{{CIVIC}}}civicAddress")
        add(civic, f"{{{CIVIC}}}country", "CN")
        add(civic, f"{{{CIVIC}}}LOC", words)
    add(geopriv, f"{{{GEOPRIV}}}usage-rules")
    add(device, f"{{{DATA_MODEL}}}deviceID", entity)
    return document_of(root).decode()


def read_location(document: str) -> tuple[tuple[float, float] | None, str]:
    """The first point (latitude, longitude) in a PIDF-LO and its civic address in words; neither of what is none.

    Raises InvalidInput for XML that is not well-formed or declares anything: a document type can make it grow.
    """
    if "<!" in document:
        raise InvalidInput("a PIDF-LO has no declarations or comments", field="locationByValue", rule="xml")
    try:
        root = ET.fromstring(document)  # noqa: S314 declarations were refused above, and the body is limited
    except ET.ParseError:
        raise InvalidInput("locationByValue is not well-formed XML", field="locationByValue", rule="xml") from None
    civic = root.find(f".//{{{CIVIC}}}civicAddress")
    words = (
        [part.text.strip() for part in civic if part.text and not part.tag.endswith("}country")]
        if civic is not None
        else []
    )
    return _point(root.findtext(f".//{{{GML}}}pos") or ""), " ".join(words)


def _point(text: str) -> tuple[float, float] | None:
    try:
        latitude, longitude, *_ = (float(number) for number in text.split())
    except ValueError:
        return None
    within = -90 <= latitude <= 90 and -180 <= longitude <= 180
    return (latitude, longitude) if within else None
