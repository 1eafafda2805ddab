"""The two kinds of handler most routes have: ask a service, or give it one command."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp

from chassis.errors import InvalidInput, ServiceError, from_refusal
from chassis.ids import uuid7
from chassis.tracing import current_traceparent
from contracts.catalogue import load_command
from contracts.dispatch.commands import DATA
from contracts.refusal import InvalidMessage
from gateway.journal.intake import INTAKE
from gateway.routes.body import read_object
from gateway.routes.deciding import refuse_unless_held
from gateway.routes.edge import KEY
from gateway.routes.params import read_query
from gateway.routes.table import Call
from gateway.routes.versions import IF_MATCH, tag_of, version_asked, versioned_response
from gateway.rpc import Caller

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
ACCEPTED = 202
TRACKED_AT = "/v1/intake/{tracking_id}"
FOLLOW_AFTER_SECONDS = "2"
_KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,198}[\x21-\x7e])?")


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON, never cached: it is the state of a moment."""
    merged = {"Cache-Control": "no-store", **(headers or {})}
    return Response(orjson.dumps(content), status_code=status, headers=merged, media_type="application/json")


def caller_of(call: Call) -> Caller:
    """On whose behalf this request calls services."""
    return Caller(call.actor, current_traceparent())


def path_arguments(call: Call) -> dict[str, Any]:
    """The path's parameters under their RPC names. Raises InvalidInput naming one that cannot be an id."""
    arguments: dict[str, Any] = {}
    for name, param in call.route.path_params.items():
        value = call.request.path_params[name]
        if not re.fullmatch(param.schema["pattern"], value):
            raise InvalidInput(f"{name} in the path must match {param.schema['pattern']}", field=name, rule="pattern")
        arguments[param.argument or name] = value
    return arguments


async def query(call: Call) -> ASGIApp:
    """Answer with what `route.rpc` returns for the path's and the query's arguments."""
    arguments = {**path_arguments(call), **read_query(call.request.query_params, call.route.query)}
    found = await ask_service(call, arguments)
    return versioned_response(call.request, found) if call.route.versioned else json_response(found)


async def ask_service(call: Call, arguments: dict[str, Any], rpc: str | None = None) -> Any:
    """Call `rpc`, or the route's own RPC method, as a read. Raises ServiceError."""
    service, _, method = (rpc or call.route.rpc or "").partition(".")
    seconds = call.serving.settings.read_seconds
    return await call.serving.rpc.call(service, method, arguments, timeout_s=seconds, caller=caller_of(call))


async def command(call: Call) -> ASGIApp:
    """Give dispatch the route's command, built from path, header and body; answer with its result."""
    read_query(call.request.query_params, ())
    call.request.scope[KEY] = key = idempotency_key(call)
    envelope = build_envelope(call, key, await read_object(call.request))
    check_envelope(envelope)
    return command_response(call, await execute(call, envelope))


async def execute(call: Call, envelope: dict[str, Any]) -> dict[str, Any]:
    """Dispatch's answer to a checked command. Intake is kept when dispatch does not answer, and answered 202."""
    serving, caller, seconds = call.serving, caller_of(call), call.serving.settings.command_seconds
    if envelope["command"] == INTAKE:
        # Dispatch decides on the row; who may take nothing in at all is told so even while dispatch is away.
        refuse_unless_held(call.actor, INTAKE)
        return await serving.intake.take(envelope, caller, timeout_s=seconds)
    return await serving.commands.execute(envelope, timeout_s=seconds, caller=caller)


def idempotency_key(call: Call) -> str:
    """The caller's key, or a new one. Raises InvalidInput when it is not 1 to 200 printable ASCII characters."""
    given = call.request.headers.get(KEY_HEADER)
    if given is None:
        return str(uuid7())
    if not _KEY.fullmatch(given):
        raise InvalidInput(
            "must be 1 to 200 printable ASCII characters", code="invalid_idempotency_key", field=KEY_HEADER
        )
    return given


def build_envelope(call: Call, key: str, body: dict[str, Any]) -> dict[str, Any]:
    """The one command envelope for HTTP, feed, AMQP and RPC (contracts.dispatch.commands)."""
    name = call.route.command or ""
    envelope: dict[str, Any] = {"command": name, "key": key, "view": True, **path_arguments(call)}
    if_version = version_asked(call.request, addressed=call.route.addressed)
    if if_version is not None:
        envelope["if_version"] = if_version
    # A correction's own time is the corrected stamp: part of its data, not of the envelope.
    if "occurred_at" in body and "occurred_at" not in DATA[name]().fields:
        envelope["occurred_at"] = body.pop("occurred_at")
    if name == "incident.assign" and "team_id" in body:
        if "team" in body:
            raise InvalidInput("give team_id or team, not both", field="team_id", rule="one_of")
        body["team"] = body.pop("team_id")
    envelope["data"] = body
    return envelope


def check_envelope(envelope: dict[str, Any]) -> None:
    """Refuse what breaks the contract before it costs a call.

    Raises InvalidInput naming the field as the caller knows it.
    """
    try:
        load_command(envelope)
    except InvalidMessage as error:
        raise _as_http(from_refusal(error)) from None


def _as_http(error: ServiceError) -> ServiceError:
    """Over HTTP the body *is* the command's data: `data.location.lat` is the caller's `location.lat`."""
    if error.field == "if_version":
        error.field, error.detail = IF_MATCH, error.detail.replace("if_version", IF_MATCH)
    if error.field is not None:
        error.detail = error.detail.replace(error.field, error.field.removeprefix("data."), 1)
        error.field = error.field.removeprefix("data.")
    for entry in error.extra.get("errors", ()):
        entry["field"] = entry["field"].removeprefix("data.")
    return error


def command_response(call: Call, answer: dict[str, Any]) -> Response:
    """201 and Location for a creation, else 200; a refusal raises its problem."""
    headers = {REPLAYED_HEADER: "true"} if answer.get("replayed") else {}
    if not answer.get("ok"):
        raise _as_http(ServiceError.from_problem(answer["problem"]))
    result = answer["result"]
    if answer.get("status") == ACCEPTED:
        return accepted(result)
    if "version" in result:
        headers["ETag"] = tag_of(result["version"])
    location = _location(call.route.location, result)
    if location is not None:
        headers["Location"] = location
    return json_response(result, int(answer.get("status", call.route.status)), headers)


def accepted(receipt: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """202 with where to ask what became of a call that was taken."""
    where = {"Location": TRACKED_AT.format(tracking_id=receipt["tracking_id"]), "Retry-After": FOLLOW_AFTER_SECONDS}
    return json_response(receipt, ACCEPTED, {**where, **(headers or {})})


def _location(template: str | None, result: dict[str, Any]) -> str | None:
    """Where the new thing is; None rather than an error, for the command has been carried out by now."""
    names = re.findall(r"\{(\w+)\}", template or "")
    if not template or not all(name in result for name in names):
        return None
    return template.format(**{name: quote(str(result[name]), safe="") for name in names})
