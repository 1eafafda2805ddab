"""Looking service requests up among the incidents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from chassis.clock import format_time, parse_time, utc_now
from chassis.errors import InvalidInput, NotFound
from gateway.routes import params
from gateway.routes.calling import ask_service, caller_of
from gateway.routes.table import Call
from gateway.standards.open311 import SERVICES, is_request, service_request

LONGEST_SPAN = timedelta(days=90)
MOST = 1000
MOST_IDS = 50
PAGE = 50
AT_ONCE = 4
INCIDENT_ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

FILTERS = (
    params.text(
        "service_request_id", f"编号，逗号分隔，最多 {MOST_IDS} 个，优先于其他条件 · Ids; overrides the rest",
        pattern=f"{INCIDENT_ID}(,{INCIDENT_ID}){{0,{MOST_IDS - 1}}}",
    ),
    params.text("service_code", "服务代码，逗号分隔 · Services, with commas", pattern="[a-z0-9_]+(,[a-z0-9_]+){0,99}"),
    params.moment("start_date", "起（含） · From, inclusive"),
    params.moment("end_date", "止（含） · To, inclusive"),
    params.text("status", "open、closed · One or both, with a comma", pattern="(open|closed)(,(open|closed))?"),
)  # fmt: skip


async def one_request(call: Call, incident_id: str) -> dict[str, Any] | None:
    """A service request by its id; None when it is not there, or an incident of another kind. Raises ServiceError."""
    seconds = call.serving.settings.read_seconds
    try:
        incident = await call.serving.rpc.call(
            "dispatch", "get_incident", {"incident": incident_id}, timeout_s=seconds, caller=caller_of(call)
        )
    except NotFound:
        return None
    return service_request(incident) if is_request(incident) else None


async def search(call: Call, filters: dict[str, Any]) -> list[dict[str, Any]]:
    """The service requests that fit, newest first, at most 1,000. Raises InvalidInput, NotFound, ServiceError."""
    if "service_request_id" in filters:
        ids = dict.fromkeys(filters["service_request_id"].split(","))
        found = await asyncio.gather(*(one_request(call, each) for each in ids))
        return [each for each in found if each is not None]
    codes = list(dict.fromkeys(filters["service_code"].split(","))) if "service_code" in filters else list(SERVICES)
    unknown = [code for code in codes if code not in SERVICES]
    if unknown:
        raise NotFound(f"there is no service_code {unknown[0]}", code="unknown_service", field="service_code")
    since, until = span(filters.get("start_date"), filters.get("end_date"), utc_now())
    wanted = set(filters.get("status", "open,closed").split(","))
    asked: dict[str, Any] = {"since": format_time(since), "until": format_time(until), "exercise": "exclude"}
    if wanted == {"open"}:
        asked["open"] = True
    return await _newest(call, codes, asked, wanted)


def span(start: str | None, end: str | None, now: datetime) -> tuple[datetime, datetime]:
    """From (inclusive) and until (exclusive): the last 90 days, or 90 days from or to the one given.

    Raises InvalidInput for a longer span or one that runs backwards.
    """
    since = parse_time(start) if start else None
    # The end is included: one more than the finest time there is.
    until = parse_time(end) + timedelta(microseconds=1) if end else None
    if since is None:
        until = until or now + timedelta(microseconds=1)
        return until - LONGEST_SPAN, until
    until = until or min(now, since + LONGEST_SPAN) + timedelta(microseconds=1)
    if not timedelta() < until - since <= LONGEST_SPAN + timedelta(microseconds=1):
        raise InvalidInput("start_date comes before end_date, by at most 90 days", field="start_date", rule="span")
    return since, until


async def _newest(call: Call, codes: Sequence[str], asked: dict[str, Any], wanted: set[str]) -> list[dict[str, Any]]:
    """The newest of several lists, one a category, each of them newest first: a merge that reads no page too many."""
    gate = asyncio.Semaphore(AT_ONCE)
    lists = [_incidents(call, {**asked, "category": code}, gate) for code in codes]
    heads = await asyncio.gather(*(anext(each, None) for each in lists))
    waiting = {number: head for number, head in enumerate(heads) if head is not None}
    found: list[dict[str, Any]] = []
    while waiting and len(found) < MOST:
        number = max(waiting, key=lambda each: waiting[each]["stamps"]["received"]["occurred_at"])
        request = service_request(waiting.pop(number))
        if request["status"] in wanted:
            found.append(request)
        head = await anext(lists[number], None)
        if head is not None:
            waiting[number] = head
    return found


async def _incidents(call: Call, asked: dict[str, Any], gate: asyncio.Semaphore) -> AsyncIterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        async with gate:
            page = await ask_service(call, {**asked, **cursor, "limit": PAGE})
        for incident in page["incidents"]:
            yield incident
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}
