"""Many incidents at once: a page of them, or all of them as a stream."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp

from contracts.dispatch import codes
from contracts.dispatch.selection import SELECTABLE, IncidentPart, IncidentPartPage
from gateway.routes import params
from gateway.routes.calling import ask_service, json_response
from gateway.routes.incidents import CURSOR, EXERCISE, LIMIT, OWNER, PAGE_SIZE, PREFIX, REFERENCE_SYSTEM
from gateway.routes.params import Param, read_query
from gateway.routes.table import Call, Route
from gateway.streams.export import FIRST_ROWS, ExportResponse, Page
from gateway.streams.rows import COLUMNS, Csv, Form, Ndjson

SELECTING = "dispatch.select_incidents"
WHOLE = tuple(name for name in SELECTABLE if "." not in name)
EXPORT_ABOUT = (
    'NDJSON ends with `{"summary": {"incidents": …}}`; a file without that line was cut off. CSV (RFC 4180) is in '
    "UTF-8 with a byte order mark and a header row; it has columns for a desk unless `fields` chooses; a text that "
    "a spreadsheet would compute has an apostrophe before it. Either way a cut-off answer lacks HTTP's last chunk, "
    "which every client reports as an error. Each incident is as it was when its page was read, no snapshot of all. "
    "Who reads slowly gets it slowly; who stops reading is cut off after a while."
)
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


async def export(call: Call) -> ASGIApp:
    """Every incident that the filters leave, as a stream. Raises ServiceError when the first page cannot be had."""
    arguments = read_query(call.request.query_params, call.route.query)
    form, fields = _form(arguments.pop("format", "ndjson"), arguments.pop("fields", None))

    async def ask(limit: int, **cursor: str) -> Page:
        asked: dict[str, Any] = {**arguments, **cursor, "fields": fields, "limit": limit}
        found: Page = await ask_service(call, asked)
        return found

    async def following(cursor: str) -> Page:
        return await ask(PAGE_SIZE, cursor=cursor)

    slow_seconds, draining = call.serving.settings.export_slow_seconds, call.serving.streams.draining
    return ExportResponse(await ask(FIRST_ROWS), following, form, slow_seconds=slow_seconds, draining=draining)


def _form(name: str, chosen: list[str] | None) -> tuple[Form, list[str]]:
    if name == "csv":
        columns = list(dict.fromkeys(chosen or COLUMNS))
        return Csv(columns), columns
    return Ndjson(), chosen or list(WHOLE)


ROUTES = (
    Route(
        "GET", "/v1/incidents", "incident_list", "事件列表", "List incidents, newest first", OWNER, "incident.read",
        page,
        rpc="dispatch.list_incidents", or_answer=IncidentPartPage, query=(*FILTERS, FIELDS, LIMIT, CURSOR),
        about="`next_cursor` of a page is the `cursor` of the next. With `fields` the members of an incident are those "
        "and no others.",
    ),
    Route(
        "GET", "/v1/incidents/export", "incident_export", "导出事件", "Export incidents as a stream",
        OWNER, "incident.read", export,
        rpc=SELECTING, answer=IncidentPart, answer_type="application/x-ndjson", other_types=("text/csv",),
        query=(
            params.choice("format", "格式，缺省 ndjson · Format; ndjson unless told otherwise", ("csv", "ndjson")),
            *FILTERS, FIELDS,
        ),
        about=EXPORT_ABOUT,
    ),
)  # fmt: skip
