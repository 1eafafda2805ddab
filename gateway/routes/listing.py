"""Many incidents at once: a page of them."""

from __future__ import annotations

from starlette.types import ASGIApp

from contracts.dispatch import codes
from contracts.dispatch.selection import SELECTABLE, IncidentPartPage
from gateway.routes import params
from gateway.routes.calling import ask_service, json_response
from gateway.routes.incidents import CURSOR, EXERCISE, LIMIT, OWNER, PREFIX, REFERENCE_SYSTEM
from gateway.routes.params import Param, read_query
from gateway.routes.table import Call, Route

FIELDS = params.members(
    "fields",
    "只要这些字段，逗号分隔 · Only these members, with commas between; `stamps.received` is one stamp",
    SELECTABLE,
)
FILTERS: tuple[Param, ...] = (
    params.several("state", "状态，可多个 · States, any of these", tuple(codes.STATES)),
    params.flag("open", "未办结 · Only open ones, or only others"),
    PREFIX,
    params.several("category", "类别，可多个 · Categories, any of these", tuple(codes.CATEGORIES)),
    params.several("kind", "性质，可多个 · Kinds of category, any of these", tuple(codes.KINDS)),
    params.whole("priority", "优先级，可多个 · Priorities, any of these", 1, 3, repeated=True, listed=True),
    params.several("source", "来源，可多个 · Sources, any of these", tuple(codes.SOURCES)),
    params.text("centre", "责任中心代码，可多个 · Codes of responsible centres", repeated=True, listed=True),
    params.text("team", "联动组 · A team's id or call sign"),
    params.moment("from", "接警时间起（含） · Received from, inclusive", argument="since"),
    params.moment("to", "接警时间止（不含） · Received until, exclusive", argument="until"),
    params.flag("breached", "有无超时 · Only those that missed a target, or only others"),
    params.flag("backfill", "补录 · Only those told long after they happened, or only others"),
    EXERCISE,
    REFERENCE_SYSTEM,
)


async def page(call: Call) -> ASGIApp:
    """A page of incidents; with `fields` the service leaves everything else out."""
    arguments = read_query(call.request.query_params, call.route.query)
    return json_response(await ask_service(call, arguments, SELECTING if "fields" in arguments else None))


SELECTING = "dispatch.select_incidents"
ROUTES = (
    Route(
        "GET", "/v1/incidents", "incident_list", "事件列表", "List incidents, newest first", OWNER, "incident.read",
        page,
        rpc="dispatch.list_incidents", or_answer=IncidentPartPage, query=(*FILTERS, FIELDS, LIMIT, CURSOR),
        about="`next_cursor` of a page is the `cursor` of the next. With `fields` the members of an incident are those "
        "and no others.",
    ),
)  # fmt: skip
