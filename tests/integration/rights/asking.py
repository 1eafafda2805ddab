"""One request of the matrix: what is sent for a route about a town, and what its answer says about rights."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from gateway.standards.pidf import location_object
from tests.integration.dispatch.county import command
from tests.integration.rights.county import CENTRE, COMMUNITY, POINT, TEAM, Incident

ABSENT = {"unknown_incident", "unknown_team", "unknown_assignment", "unknown_request"}
REASON = {"reason": "演示"}
FIRST, LAST = "2026-01-01T00:00:00+08:00", "2099-01-01T00:00:00+08:00"
_numbers = itertools.count(1)

BODIES: Mapping[str, dict[str, Any]] = {
    "escalate": REASON, "resolve": {"outcome": "handled"}, "feedback": {"disposition": "18"}, "cancel": REASON,
    "reopen": REASON, "hand-over": {"to": "mediation", **REASON}, "note": {"note": "演示"},
    "correct": {"stage": "received", "occurred_at": FIRST, "why": "演示"}, "contact": {"purpose": "handle"},
    "refuse": REASON,
}  # fmt: skip

Sent = tuple[str, dict[str, Any]]


def ask(http: httpx.Client, token: dict[str, str], route: str, incidents: Mapping[str, Incident], town: str) -> str:
    """`yes`, `403` or `404`; of a list `-` when nothing of the town is in it."""
    method, template = route.split(" ", 1)
    if template == "/v1/stream":
        return _verdict(http.head("/v1/stream", headers=token))
    path, told = _sent(method, template, incidents, town)
    headers = {**token, **told.pop("headers", {})}
    answer = http.request(method, path, headers=headers, **told)
    verdict = _verdict(answer)
    holds = _LISTS.get(template) if method == "GET" else None
    if verdict == "yes" and holds is not None and not holds(answer, incidents[town], town):
        return "-"
    return verdict


def _verdict(answer: httpx.Response) -> str:
    assert answer.status_code < 500, answer.text
    assert answer.status_code not in (400, 401, 405, 415), answer.text
    if answer.status_code == 403:
        return "403"
    if answer.status_code == 404 and (_code(answer) in ABSENT or "open311" in str(answer.url)):
        return "404"
    assert answer.status_code != 422 or _code(answer) not in ("invalid_input", "unknown_field", "missing_field"), (
        answer.text
    )
    return "yes"


def _code(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["code"])
    except (ValueError, KeyError, TypeError):
        return ""


def _sent(method: str, template: str, incidents: Mapping[str, Incident], town: str) -> Sent:
    incident, last = incidents[town], template.rsplit("/", 1)[-1]
    path = template.format(
        incident=incident.id, assignment=incident.assignment, team=TEAM[town], format="json", code=_grid(last, town),
        service_request_id=incident.id,
    )  # fmt: skip
    if method == "GET":
        return path, {"params": _PARAMS.get(template, lambda *_: {})(incident, town)}
    special = _SPECIAL.get(f"{method} {template}")
    if special is not None:
        return path, special(incidents, town)
    return path, {"json": dict(BODIES.get(last, {}))}


def _grid(last: str, town: str) -> str:
    return f"{COMMUNITY[town]}001" if last == "posts" else town


def _created(_incidents: Any, town: str) -> dict[str, Any]:
    return {"json": {"source": "resident", "category": "citizen_assist", "location": POINT[town]}}


def _eido(_incidents: Any, town: str) -> dict[str, Any]:
    place = location_object("here", point=(POINT[town]["lat"], POINT[town]["lon"]), words=None)
    return {"json": {
        "$id": f"urn:emergency:uid:incidentid:n{next(_numbers)}:dispatch.neighbour.example", "eidoVersion": "1.0",
        "lastUpdateTimeStamp": "2026-01-02T11:00:00.000+08:00",
        "incidentComponent": {"incidentTypeCommonRegistryText": "GASLEAK", "incidentCommonPriorityNumber": 9},
        "locationComponent": [
            {"locationTypeDescriptionRegistryText": "CurrentIncident", "locationByValue": place}
        ],
    }}  # fmt: skip


def _feed(incidents: Mapping[str, Incident], town: str) -> dict[str, Any]:
    line = json.dumps(command("incident.note", incident=incidents[town].id, data={"note": "演示"}))
    return {"content": line.encode() + b"\n", "headers": {"Content-Type": "application/x-ndjson"}}


_SPECIAL: Mapping[str, Callable[[Mapping[str, Incident], str], dict[str, Any]]] = {
    "POST /v1/incidents": _created,
    "POST /v1/incidents/likely-duplicates": lambda _, town: {"json": {"location": POINT[town]}},
    "POST /v1/eido": _eido,
    "POST /v1/feed": _feed,
    "POST /v1/incidents/{incident}/assignments": lambda _, town: {"json": {"team": TEAM[town]}},
    "POST /v1/incidents/{incident}/merge": lambda incidents, _: {"json": {"into": incidents["999999001"].id}},
    "POST /v1/teams": lambda _, town: {
        "json": {"call_sign": f"N{next(_numbers)}", "name_zh": "演示组", "kind": "patrol", "centre_code": CENTRE[town]}
    },
    "PATCH /v1/teams/{team}": lambda *_: {"json": {"name_zh": "演示二组"}},
    "PUT /v1/teams/{team}/position": lambda _, town: {"json": POINT[town]},
    "PUT /v1/teams/{team}/shifts": lambda *_: {"json": {"shifts": []}},
    "POST /open311/v2/requests.{format}": lambda _, town: {
        "data": {"service_code": "citizen_assist", "lat": POINT[town]["lat"], "long": POINT[town]["lon"],
                 "description": "演示"}
    },
}  # fmt: skip
_PARAMS: Mapping[str, Callable[[Incident, str], dict[str, Any]]] = {
    "/v1/incidents": lambda *_: {"limit": 200},
    "/v1/sla/report": lambda _, town: {"prefix": town},
    "/v1/sla/breaches": lambda incident, _: {"incident": incident.id},
    "/v1/locate": lambda _, town: POINT[town],
}


def _among(member: str, key: str) -> Callable[[httpx.Response, Incident, str], bool]:
    """Whether the incident is in a list of the answer."""
    return lambda answer, incident, _: incident.id in [each[key] for each in answer.json()[member]]


_LISTS: Mapping[str, Callable[[httpx.Response, Incident, str], bool]] = {
    "/v1/incidents": _among("incidents", "incident_id"),
    "/v1/incidents/export": lambda answer, incident, _: incident.id in answer.text,
    "/v1/board": _among("open_incidents", "incident_id"),
    "/v1/teams": lambda answer, _, town: TEAM[town] in [each["call_sign"] for each in answer.json()["teams"]],
    "/v1/centres": lambda answer, _, town: CENTRE[town] in [each["code"] for each in answer.json()["centres"]],
    "/v1/grids": lambda answer, _, town: town in [each["code"] for each in answer.json()["grids"]],
    "/v1/sla/report": lambda answer, *_: answer.json()["groups"][0]["incidents"] > 0,
    "/open311/v2/requests.{format}": lambda answer, incident, _: incident.id in answer.text,
}
