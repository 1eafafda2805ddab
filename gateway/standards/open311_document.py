"""Open311's answers and its form as OpenAPI describes them; the field names are those of GeoReport v2."""

from __future__ import annotations

from typing import Any

from gateway.standards.open311 import SERVICES

_TEXT = {"type": "string"}
_OR_NULL = {"type": ["string", "null"]}
_MOMENT = {"type": "string", "format": "date-time"}
_DEGREES = {"type": ["number", "null"]}


def _object(required: str, /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_VALUE = _object("key name", key=_TEXT, name=_TEXT)
_ATTRIBUTE = _object(
    "variable code datatype required order description values",
    variable={"type": "boolean"}, code=_TEXT,
    datatype={"enum": ["string", "number", "datetime", "text", "singlevaluelist", "multivaluelist"]},
    required={"type": "boolean"}, datatype_description=_OR_NULL, order={"type": "integer"}, description=_TEXT,
    values=_list(_VALUE),
)  # fmt: skip
_SERVICE = _object(
    "service_code service_name metadata type",
    service_code=_TEXT, service_name=_TEXT, description=_TEXT, metadata={"type": "boolean"},
    type={"const": "realtime"}, keywords=_TEXT, group=_TEXT,
)  # fmt: skip
_REQUEST = _object(
    "service_request_id status service_code requested_datetime updated_datetime",
    service_request_id=_TEXT, status={"enum": ["open", "closed"]}, status_notes=_OR_NULL, service_name=_TEXT,
    service_code=_TEXT, description=_OR_NULL, agency_responsible=_OR_NULL, service_notice=_OR_NULL,
    requested_datetime=_MOMENT, updated_datetime=_MOMENT, expected_datetime={**_MOMENT, "type": ["string", "null"]},
    address=_OR_NULL, address_id=_OR_NULL, zipcode=_OR_NULL, lat=_DEGREES, long=_DEGREES, media_url=_OR_NULL,
)  # fmt: skip
_CREATED = _object(
    "service_notice",
    service_request_id=_TEXT, token={**_TEXT, "description": "代替编号 · Instead of the id while the request waits"},
    service_notice=_TEXT, account_id={"type": "null"},
)  # fmt: skip
_TOKEN = _object("token", service_request_id=_TEXT, token=_TEXT)
_ERROR = _object("code description", code={"type": "integer"}, description=_TEXT)
_FORM = _object(
    "service_code",
    service_code={"enum": list(SERVICES)}, jurisdiction_id=_TEXT, api_key=_TEXT, lat={"type": "number"},
    long={"type": "number"}, address_string=_TEXT, address_id={**_TEXT, "description": "网格代码 · A grid code"},
    description={**_TEXT, "maxLength": 2000}, first_name=_TEXT, last_name=_TEXT, phone=_TEXT, email=_TEXT,
    device_id=_TEXT, account_id=_TEXT, media_url=_TEXT,
)  # fmt: skip
_FORM["patternProperties"] = {r"^attribute\[[a-z_]+\]$": _TEXT}
_ENDPOINT = _object(
    "specification url changeset type formats",
    specification=_TEXT, url=_TEXT, changeset=_TEXT, type={"enum": ["production", "test"]}, formats=_list(_TEXT),
)  # fmt: skip
_CONTENT = {
    ("GET", "discovery"): _object(
        "changeset contact key_service endpoints",
        changeset=_TEXT,
        contact=_TEXT,
        key_service=_TEXT,
        endpoints=_list(_ENDPOINT),
    ),
    ("GET", "services"): _list(_SERVICE),
    ("GET", "service_definition"): _object("service_code attributes", service_code=_TEXT, attributes=_list(_ATTRIBUTE)),
    ("GET", "service_requests"): _list(_REQUEST),
    ("GET", "service_request_token"): _list(_TOKEN),
    ("POST", "service_requests"): _list(_CREATED),
}
_ERRORS = {
    "400": "请求有误 · Anything wrong with the request",
    "403": "令牌缺失或无效 · The key is missing or not known",
    "404": "未找到 · No such service, request or jurisdiction",
    "429": "请求过于频繁 · Too many requests: try again after Retry-After",
    "414": "网址过长 · The address is too long",
    "431": "请求头过大 · The head is too large",
    "503": "暂不可用 · Try again after Retry-After",
    "504": "超时，结果未知 · The outcome may be unknown: send again with the same Idempotency-Key",
}


def operation(method: str, root: str) -> dict[str, Any]:
    """The members of the OpenAPI operation that are Open311's own."""
    answers = {"200": ("成功 · Done", _CONTENT[method, root])}
    if method == "POST":
        answers["202"] = (
            "已受理，凭 token 查询 · Taken while dispatch is away: a token instead of the id",
            _CONTENT[method, root],
        )
    answers |= {status: (about, _list(_ERROR)) for status, about in _ERRORS.items()}
    found: dict[str, Any] = {"responses": {status: _both(about, schema) for status, (about, schema) in answers.items()}}
    if method == "POST":
        found["requestBody"] = {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": _FORM}}}
    return found


def _both(about: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": schema}, "text/xml": {"schema": _TEXT}}}
