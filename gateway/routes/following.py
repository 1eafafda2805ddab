"""What became of a call that was taken while dispatch was away."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp

from chassis.clock import format_time
from chassis.errors import NotFound, ServiceError
from contracts.intake import IntakeState
from gateway.journal.tracking import PATTERN, Tracked
from gateway.routes.calling import FOLLOW_AFTER_SECONDS, ask_service, json_response, path_arguments
from gateway.routes.params import read_query
from gateway.routes.table import Call, PathParam, Route

TRACKING_ID = PathParam("受理编号 · Tracking id of a 202 answer", {"type": "string", "pattern": PATTERN})
REMEMBERED_SECONDS = 30 * 24 * 3600
"""For how long dispatch remembers what it answered to a key."""


async def follow(call: Call, tracking_id: str) -> dict[str, Any]:
    """The state of a taken call, as contracts.intake has it. Raises NotFound for an id this caller was not given."""
    intake, owner = call.serving.intake, call.actor.owner
    tracked = intake.tracking.open(tracking_id, owner)
    if tracked is None or time.time() - tracked.taken_us / 1e6 > REMEMBERED_SECONDS:
        raise NotFound("there is no such tracking id, or none of yours", code="unknown_tracking_id")
    taken_at = format_time(datetime.fromtimestamp(tracked.taken_us / 1e6, UTC))
    told = {"tracking_id": tracking_id, "taken_at": taken_at}
    if intake.find(owner, tracked) is not None:
        return {**told, "state": "waiting"}
    answer = intake.outcomes.find(owner, tracked.key)
    if answer is None:
        try:
            answer = await ask_service(call, {"key": tracked.key}, "dispatch.get_answer")
        except ServiceError as error:
            if not error.retryable:
                raise
            return {**told, "state": "taken"}
    return {**told, **_became(answer, is_ours=_is_ours(call, tracked))}


def _became(answer: dict[str, Any], *, is_ours: bool) -> dict[str, Any]:
    """From what dispatch answered to the key. Raises NotFound when nobody knows of it."""
    if answer.get("problem"):
        return {"state": "refused", "problem": answer["problem"]}
    if answer.get("result"):
        result = answer["result"]
        return {"state": "delivered", "incident_id": result["incident_id"], "result": result}
    if is_ours:
        # Nothing of it waits here, and dispatch has not had it: it was not kept (a disk was lost, or put aside).
        raise NotFound("nobody knows what became of it; send it again", code="tracking_lost")
    return {"state": "waiting"}


def _is_ours(call: Call, tracked: Tracked) -> bool:
    journal = call.serving.intake.journal
    return journal is not None and journal.identity == tracked.journal


async def intake_state(call: Call) -> ASGIApp:
    """The state of one taken call."""
    read_query(call.request.query_params, ())
    found = await follow(call, path_arguments(call)["tracking_id"])
    headers = {"Retry-After": FOLLOW_AFTER_SECONDS} if found["state"] in ("waiting", "taken") else {}
    if found["state"] == "delivered":
        headers["Location"] = f"/v1/incidents/{found['incident_id']}"
    return json_response(found, headers=headers)


ROUTES = (
    Route(
        "GET", "/v1/intake/{tracking_id}", "intake_state", "受理状态", "What became of a taken call", "dispatch",
        "incident.create", intake_state,
        path_params={"tracking_id": TRACKING_ID}, rpc="dispatch.get_answer", answer=IntakeState,
        about="For the caller who was answered 202. `waiting`: kept on disk, to be delivered in the order taken; "
        "`delivered`: `incident_id`; `refused`: `problem`; `taken`: kept by another gateway, ask again later.",
    ),
)  # fmt: skip
