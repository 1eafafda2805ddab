"""The OpenAPI 3.1 document (openapis.org), written from the route table and the contracts.

It cannot drift from what is served.
"""

from __future__ import annotations

import re
from typing import Any

import orjson
from apispec import APISpec

from contracts.answers import ANSWER_TYPES
from contracts.catalogue import COMMAND_TYPES
from contracts.fields import Message
from contracts.intake import IntakeState
from contracts.json_schema import components
from contracts.problem import Problem
from contracts.rights.permissions import PURPOSES
from gateway.journal.intake import INTAKE
from gateway.routes.calling import TRACKED_AT
from gateway.routes.index import ROUTES
from gateway.routes.params import Param
from gateway.routes.problems import CONTENT_TYPE
from gateway.routes.table import PathParam, Route
from gateway.routes.versions import TAG_PATTERN

OPENAPI_VERSION = "3.1.0"
AT = "#/components/schemas/"
FEED_COMMAND = "FeedCommand"
NO_CONTENT = 204
DESCRIPTION = (
    "县域网格治理：接警、推送、下派、到场、处置，按“115”计时。\n\n"
    "Incidents to the right people in time, and the proof of it. Every call but health and documents needs "
    "`Authorization: Bearer …`. Every mutating call takes an `Idempotency-Key` (the same key gives the same "
    "answer, also after a crash; one is made and returned when absent) and may say when it happened with "
    "`occurred_at` (RFC 3339 with offset). Errors are RFC 9457 problem documents with a stable `code`; those with "
    "`retryable: true` may be sent again with the same key."
)
TAGS = (
    ("incidents", "事件 · Incidents"),
    ("assignments", "任务 · Assignments"),
    ("teams", "联动组 · Teams"),
    ("grids", "网格 · Grids"),
    ("sla", "时效 · Figures"),
    ("open311", "服务诉求 · Open311 GeoReport v2"),
    ("audit", "审计 · Audit"),
    ("live", "实时 · Live"),
    ("auth", "登录 · Signing in"),
    ("house", "运维 · Operations"),
)
_TAG_OF = {
    "incidents": "incidents", "assignments": "assignments", "teams": "teams", "grids": "grids", "locate": "grids",
    "eido": "incidents", "intake": "incidents", "sla": "sla", "centres": "sla", "policies": "sla", "board": "sla",
    "feed": "live", "stream": "live", "auth": "auth", "audit": "audit",
}  # fmt: skip
_PROBLEMS = {
    "400": "invalid_utf8, invalid_json; signing in: invalid_grant, second_factor_required, unsupported_grant_type",
    "401": "missing_token, invalid_token (`rule` says why); signing in: invalid_client",
    "403": "forbidden, setup_required",
    "404": "not_found",
    "408": "request_timeout: the body came too slowly",
    "409": "the present state does not allow it; `code` says which rule",
    "412": "version_mismatch: If-Match names another version than `current_version`",
    "413": "payload_too_large",
    "414": "uri_too_long",
    "415": "unsupported_media_type",
    "422": "unknown_field, missing_field, invalid_input, idempotency_key_reused",
    "429": "too_many_requests or too_many_attempts; see Retry-After and the RateLimit headers",
    "431": "head_too_large",
    "503": "unavailable; see Retry-After",
    "504": "deadline_exceeded; the outcome may be unknown: send again with the same key",
}


def document() -> dict[str, Any]:
    """The document of exactly the routes that are served."""
    spec = APISpec(
        title="网格 Wangge",
        version="1",
        openapi_version=OPENAPI_VERSION,
        info={"description": DESCRIPTION},
        tags=[{"name": name, "description": about} for name, about in TAGS],
        security=[{"token": []}],
    )
    for name, schema in _schemas().items():
        spec.components.schema(name, schema)
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    for status, about in _PROBLEMS.items():
        spec.components.response(f"Problem{status}", _problem(about))
    for route in ROUTES:
        spec.path(route.path, operations={route.method.lower(): operation(route)})
    return dict(spec.to_dict())


def document_bytes() -> bytes:
    """The document as JSON."""
    return orjson.dumps(document(), option=orjson.OPT_INDENT_2)


def operation(route: Route) -> dict[str, Any]:
    """One route as an operation object."""
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": f"{route.zh} · {route.en}",
        "tags": [tag_of(route)],
        "parameters": [
            *_path_parameters(route),
            *(_parameter(param) for param in route.query),
            *_header_parameters(route),
        ],
        "responses": _responses(route),
        "x-owner": route.owner,
        "x-permission": route.permission,
    }
    if route.about:
        found["description"] = route.about
    if route.permission is None:
        found["security"] = []
    body = _body(route)
    if body is not None:
        found["requestBody"] = body
    return {**found, **route.document}


def tag_of(route: Route) -> str:
    """The chapter a route stands in."""
    if route.path.startswith("/open311/"):
        return "open311"
    if route.path == "/.well-known/jwks.json":
        return "auth"
    match = re.match(r"/v1/([a-z]+)", route.path)
    return _TAG_OF[match[1]] if match else "house"


def answer_of(route: Route) -> type[Message] | None:
    """The schema of a route's answer, None when it has none in the contracts."""
    return route.answer or ANSWER_TYPES.get(route.rpc or "")


def _schemas() -> dict[str, Any]:
    found: dict[str, type[Message]] = {Problem.__name__: Problem}
    for route in ROUTES:
        for schema in (route.body, answer_of(route), route.or_answer):
            if schema is not None:
                found[schema.__name__] = schema
    found.update({schema.__name__: schema for schema in COMMAND_TYPES.values()})
    union = {"oneOf": [{"$ref": AT + schema.__name__} for schema in COMMAND_TYPES.values()]}
    return {**components(found, at=AT), FEED_COMMAND: union}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [_path_parameter(name, param) for name, param in route.path_params.items()]


def _path_parameter(name: str, param: PathParam) -> dict[str, Any]:
    schema = {**param.schema, "pattern": f"^(?:{param.schema['pattern']})$"}
    return {"name": name, "in": "path", "required": True, "description": param.about, "schema": schema}


def _parameter(param: Param) -> dict[str, Any]:
    found = {"name": param.name, "in": "query", "required": param.required, "description": param.about}
    if not param.repeated:
        return {**found, "schema": param.schema}
    schema = {"type": "array", "items": param.schema, "minItems": 1}
    return {**found, "schema": schema, **({"style": "form", "explode": False} if param.listed else {})}


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    found = []
    if route.keyed:
        about = "幂等键，缺省时由网关生成并返回 · The same key gives the same answer; made and returned when absent"
        found.append(_header("Idempotency-Key", about, minLength=1, maxLength=200))
    if route.addressed:
        about = "仅当版本未变时执行 · Done only while the version is still that of this ETag, else 412"
        found.append(_header("If-Match", about, pattern=TAG_PATTERN))
    if route.versioned:
        about = "未变则回 304 · 304 when nothing has changed since this ETag"
        found.append(_header("If-None-Match", about))
    if route.permission is not None:
        purpose = _header("Wangge-Purpose", "请求目的 · What the request is for; recorded with it")
        found.append({**purpose, "schema": {"type": "string", "enum": list(PURPOSES)}})
    if route.name == "stream":
        found.append(_header("Last-Event-ID", "从此偏移之后续传 · Resume after this offset"))
    return found


def _header(name: str, about: str, **limits: int | str) -> dict[str, Any]:
    schema = {"type": "string", **limits}
    return {"name": name, "in": "header", "required": False, "description": about, "schema": schema}


def _body(route: Route) -> dict[str, Any] | None:
    if route.name == "feed":
        return {"required": True, "content": {route.body_type: {"schema": {"$ref": AT + FEED_COMMAND}}}}
    if route.body is None:
        return None
    schema: dict[str, Any] = {"$ref": AT + route.body.__name__}
    if route.keyed and "occurred_at" not in route.body().fields:
        about = "何时发生，缺省为现在 · When it happened; absent means now"
        stamp = {"type": "string", "format": "date-time", "description": about}
        schema = {"allOf": [schema, {"type": "object", "properties": {"occurred_at": stamp}}]}
    return {"required": bool(route.body().validate({})), "content": {route.body_type: {"schema": schema}}}


def _responses(route: Route) -> dict[str, Any]:
    unchanged = {"304": {"description": "未变 · Not modified", "content": {}}} if route.versioned else {}
    waiting = {"202": _taken()} if route.command == INTAKE else {}
    return {
        str(route.status): _done(route),
        **waiting,
        **unchanged,
        **{code: {"$ref": f"#/components/responses/Problem{code}"} for code in sorted(_refusals(route))},
    }


def _done(route: Route) -> dict[str, Any]:
    schema = _answer(route) if route.answer_schema is None else route.answer_schema
    content: dict[str, Any] = {route.answer_type: {"schema": schema}}
    content |= {other: {"schema": {"type": "string"}} for other in route.other_types}
    done: dict[str, Any] = {"description": route.zh, "content": {} if route.status == NO_CONTENT else content}
    if route.location is not None:
        done["headers"] = {"Location": {"description": route.location, "schema": {"type": "string"}}}
    if route.versioned or route.command:
        about = "版本 · Version of the incident or team: what If-Match takes"
        done.setdefault("headers", {})["ETag"] = {"description": about, "schema": {"type": "string"}}
    return done


def _refusals(route: Route) -> set[str]:
    if route.permission is None and not route.refusals:
        return set()
    asks_a_service = bool(route.rpc or route.command)
    line_by_line = route.body_type != "application/json" and route.body is None
    why = {
        # 422 also of the purpose that every such request may state.
        ("401", "403", "414", "422", "429", "431"): route.permission is not None,
        ("404", "503", "504"): asks_a_service,
        ("422",): bool(route.query) or asks_a_service,
        ("409",): route.command is not None,
        ("412",): route.addressed,
        ("400", "408", "413", "415"): route.body is not None,
        ("415", "422"): line_by_line,
    }
    return {*route.refusals, *(code for codes, holds in why.items() if holds for code in codes)}


def _taken() -> dict[str, Any]:
    """What intake answers while dispatch is away."""
    return {
        "description": "已受理，待送达 · Taken and kept; delivered as soon as dispatch answers",
        "headers": {"Location": {"description": TRACKED_AT, "schema": {"type": "string"}}},
        "content": {"application/json": {"schema": {"$ref": AT + IntakeState.__name__}}},
    }


def _answer(route: Route) -> dict[str, Any]:
    shapes = [{"$ref": AT + shape.__name__} for shape in (answer_of(route), route.or_answer) if shape is not None]
    if len(shapes) > 1:
        return {"anyOf": shapes}
    return dict(shapes[0]) if shapes else {}


def _problem(about: str) -> dict[str, Any]:
    return {"description": about, "content": {CONTENT_TYPE: {"schema": {"$ref": f"{AT}Problem"}}}}
