"""An incident in the formats that others publish, for systems that know nothing of ours."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp

from chassis.errors import Forbidden, NotFound, ServiceError
from gateway.routes.calling import ask_service, caller_of, json_response, path_arguments
from gateway.routes.params import read_query
from gateway.routes.paths import INCIDENT
from gateway.routes.table import Call, Route
from gateway.standards import cap
from gateway.standards.eido import EIDO_VERSION, eido

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

GRID_SECONDS = 1.0
"""How long a warning waits for the name of its grid."""


async def read_incident(call: Call) -> dict[str, Any]:
    """The incident of the path with its timeline. Raises ServiceError."""
    read_query(call.request.query_params, ())
    view: dict[str, Any] = await ask_service(call, {**path_arguments(call), "include": ["timeline"]})
    return view


async def read_teams(call: Call, incident: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The teams of an incident by id, without those the caller may not see. Raises ServiceError."""
    ids = list(dict.fromkeys(str(assignment["team_id"]) for assignment in incident["assignments"]))
    found = await asyncio.gather(*(_team(call, team_id) for team_id in ids))
    return {team_id: team for team_id, team in zip(ids, found, strict=True) if team is not None}


async def _team(call: Call, team_id: str) -> dict[str, Any] | None:
    seconds = call.serving.settings.read_seconds
    try:
        team: dict[str, Any] = await call.serving.rpc.call(
            "dispatch", "get_team", {"team": team_id}, timeout_s=seconds, caller=caller_of(call)
        )
    except (NotFound, Forbidden):
        return None
    return team


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


ROUTES = (
    Route(
        "GET", "/v1/incidents/{incident}/eido", "incident_eido", "事件（EIDO 格式）",
        "One incident as a NENA EIDO", OWNER, PERMISSION, as_eido,
        path_params={"incident": INCIDENT}, rpc=RPC, answer_schema=EIDO_OUTLINE,
        about="NENA-STA-021.1, version 1.0. Nobody is in it: no caller, no member of a team.",
    ),
    Route(
        "GET", "/v1/incidents/{incident}/cap", "incident_cap", "事件预警（CAP 格式）",
        "One incident as a CAP alert", OWNER, PERMISSION, as_cap,
        path_params={"incident": INCIDENT}, rpc=RPC, answer_type=cap.CONTENT_TYPE, answer_schema={"type": "string"},
        about="OASIS CAP 1.2, scope Restricted, Chinese first. For public-safety warnings and drills (`Exercise`); "
        "`no_alert` for any other. The message changes with the incident's facts, not with the moment of asking.",
    ),
)  # fmt: skip
