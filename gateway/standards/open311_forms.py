"""Open311's two forms of one answer: JSON, and XML without a schema or a namespace (Spark convention between them)."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import orjson

from chassis.errors import ServiceError
from gateway.standards.markup import add, document_of, xml_text

CONTENT_TYPES = {"json": "application/json; charset=utf-8", "xml": "text/xml; charset=utf-8"}
_MEMBER = {
    "services": "service",
    "service_requests": "request",
    "errors": "error",
    "attributes": "attribute",
    "values": "value",
    "endpoints": "endpoint",
    "formats": "format",
}
"""What one entry of a list is called in XML."""
_STATUS = {401: 403, 403: 403, 404: 404, 429: 429}
_OUR_NAMES = {
    "location.lat": "lat",
    "location.lon": "long",
    "location.address": "address_string",
    "location.grid_code": "address_id",
    "caller.name": "first_name",
    "caller.phone": "phone",
    "summary": "description",
}


def written(root: str, content: Any, form: str) -> bytes:
    """`content` in the form asked for; `root` is the name of XML's root element, which JSON does not have."""
    if form == "json":
        return orjson.dumps(content)
    element = ET.Element(root)
    _fill(element, root, content)
    return document_of(element)


def _fill(element: ET.Element, name: str, content: Any) -> None:
    if isinstance(content, dict):
        for key, value in content.items():
            _fill(add(element, key), key, value)
    elif isinstance(content, list | tuple):
        for value in content:
            _fill(add(element, _MEMBER[name]), _MEMBER[name], value)
    elif content is not None:
        element.text = xml_text(str(content).lower() if isinstance(content, bool) else content)


def status_of(error: ServiceError) -> int:
    """403 for the key, 404 for what is not there, 5xx where trying again may help; 400 for all else."""
    return error.status if error.status >= 500 else _STATUS.get(error.status, 400)


def refused(error: ServiceError) -> list[dict[str, Any]]:
    """Every mistake under the name its sender knows, or the one error."""
    several = error.extra.get("errors") or [{"field": error.field, "detail": error.detail}]
    said = [_said(one.get("field") or "", one.get("detail") or "") for one in several]
    return [{"code": status_of(error), "description": f"{error.title}: {one}" if one else error.title} for one in said]


def _said(field: str, detail: str) -> str:
    named = _OUR_NAMES.get(field.removeprefix("data."), field)
    detail = detail.removeprefix(f"{field}: ")
    return detail if not field or named in detail else f"{named}: {detail}"
