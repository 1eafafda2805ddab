"""An incident in the formats that others publish, for systems that know nothing of ours."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp

from chassis.errors import NotFound, ServiceError
from contracts.dispatch.results import CommandResult
from contracts.rights.deciding import may
from gateway.routes.body import read_object
from gateway.routes.calling import (
    ask_service,
    caller_of,
    check_envelope,
    command_response,
    execute,
    idempotency_key,
    json_response,
    path_arguments,
)
from gateway.routes.edge import KEY
from gateway.routes.params import read_query
from gateway.routes.paths import INCIDENT
from gateway.routes.table import Call, Route
from gateway.standards import cap
from gateway.standards.eido import EIDO_VERSION, eido
from gateway.standards.eido_intake import create_incident

OWNER, PERMISSION, RPC = "dispatch", "incident.read", "dispatch.get_incident"
EIDO_OUTLINE: dict[str, Any] = {
    "type": "object",
    "required": ["$id", "lastUpdateTimeStamp", "updatedByAgencyReference", "eidoVersion",
                 "issuingElementIdentification", "agencyComponent", "incidentComponent"],
    "properties": {
        "$id": {"type": "string", "pattern": "^urn:emergency:uid:incidentid:"},
        "eidoVersion": {"const": EIDO_VERSION},
    },
    "externalDocs": {"url": "https://github.com/NENA911/EIDO-JSON", "description": "NENA-STA-021.1"},
}  # fmt: skip

TAKING: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {
            "type": "object", "required": ["$id", "eidoVersion", "lastUpdateTimeStamp", "incidentComponent"],
            "properties": EIDO_OUTLINE["properties"],
        }}},
    },
    "responses": {
        "201": {
            "description": "已接入 · Taken in",
            "headers": {"Location": {"description": "/v1/incidents/{incident_id}", "schema": {"type": "string"}}},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CommandResult"}}},
        },
        "202": {
            "description": "已受理，待送达 · Taken and kept while dispatch is away",
            "headers": {"Location": {"description": "/v1/intake/{tracking_id}", "schema": {"type": "string"}}},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/IntakeState"}}},
        },
        **{status: {"$ref": f"#/components/responses/Problem{status}"}
           for status in ("400", "401", "403", "409", "413", "414", "415", "422", "429", "431", "503",
                          "504")},
    },
}  # fmt: skip
GRID_SECONDS = 1.0
"""How long a warning waits for the name of its grid."""


async def read_incident(call: Call) -> dict[str, Any]:
    """The incident of the path with its timeline. Raises ServiceError."""
    read_query(call.request.query_params, ())
    view: dict[str, Any] = await ask_service(call, {**path_arguments(call), "include": ["timeline"]})
    return view


async def read_teams(call: Call, incident: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The teams of an incident by id, without those the caller may not see. Raises ServiceError.

    Asked as a list, which leaves them out: to be refused a team that one did not ask for is no denial.
    """
    ids = list(dict.fromkeys(str(assignment["team_id"]) for assignment in incident["assignments"]))
    if not ids or not may(call.actor, "team.read"):
        return {}
    found = await ask_service(call, {"teams": ids}, "dispatch.get_teams")
    return {str(team["team_id"]): team for team in found["teams"]}


async def read_grid(call: Call, code: str | None) -> dict[str, Any] | None:
    """The grid's newest version; None when registry does not know it or is away: a warning does not wait for a name."""
    if code is None:
        return None
    seconds = min(GRID_SECONDS, call.serving.settings.read_seconds)
    try:
        grid: dict[str, Any] = await call.serving.rpc.call(
            "registry", "get_grid", {"code": code}, timeout_s=seconds, caller=caller_of(call)
        )
    except ServiceError:
        return None
    return grid


async def as_eido(call: Call) -> ASGIApp:
    """The incident as an EIDO."""
    incident = await read_incident(call)
    return json_response(eido(incident, await read_teams(call, incident), call.serving.settings.agency))


async def as_cap(call: Call) -> ASGIApp:
    """The newest message of the incident's alert. Raises NotFound `no_alert` for what is neither warning nor drill."""
    incident = await read_incident(call)
    if not cap.is_alert(incident):
        raise NotFound("it is neither a public-safety warning nor a drill", code="no_alert")
    grid = await read_grid(call, incident.get("grid_code"))
    content = cap.alert(incident, grid, call.serving.settings.agency)
    return Response(content, media_type=cap.CONTENT_TYPE, headers={"Cache-Control": "no-store"})


async def take_eido(call: Call) -> ASGIApp:
    """Take another system's incident in. Raises ServiceError, `reference_taken` when it is here already."""
    read_query(call.request.query_params, ())
    call.request.scope[KEY] = key = idempotency_key(call)
    data, occurred_at = create_incident(await read_object(call.request))
    envelope = {"command": "incident.create", "key": key, "occurred_at": occurred_at, "view": True, "data": data}
    check_envelope(envelope)
    return command_response(call, await execute(call, envelope))


ROUTES = (
    Route(
        "GET", "/v1/incidents/{incident}/eido", "incident_eido", "事件（EIDO 格式）",
        "One incident as a NENA EIDO", OWNER, PERMISSION, as_eido,
        path_params={"incident": INCIDENT}, rpc=RPC, answer_schema=EIDO_OUTLINE,
        about="NENA-STA-021.1, version 1.0. Nobody is in it: no caller, no member of a team.",
    ),
    Route(
        "POST", "/v1/eido", "eido_take_in", "接入事件（EIDO 格式）", "Take a NENA EIDO in", OWNER, "incident.create",
        take_eido,
        answer=CommandResult, status=201, location="/v1/incidents/{incident_id}", document=TAKING,
        about="NENA-STA-021.1, version 1.0. Its tracking identifier becomes the incident's `reference`: what is here "
        "already is 409 `reference_taken`. The same `Idempotency-Key` gives the same answer. Nothing is fetched: a "
        "location counts when it is given by value.",
    ),
    Route(
        "GET", "/v1/incidents/{incident}/cap", "incident_cap", "事件预警（CAP 格式）",
        "One incident as a CAP alert", OWNER, PERMISSION, as_cap,
        path_params={"incident": INCIDENT}, rpc=RPC, answer_type=cap.CONTENT_TYPE, answer_schema={"type": "string"},
        about="OASIS CAP 1.2, scope Restricted, Chinese first. For public-safety warnings and drills (`Exercise`); "
        "`no_alert` for any other. The message changes with the incident's facts, not with the moment of asking.",
    ),
)  # fmt: skip
