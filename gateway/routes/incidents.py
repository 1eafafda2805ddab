"""Incidents: intake, reading, every step of their life, recommendation and assignment."""

from __future__ import annotations

from marshmallow import ValidationError
from starlette.types import ASGIApp

from chassis.errors import from_refusal
from contracts.dispatch.command_data import CreateIncident, DraftIncident
from contracts.dispatch.commands import DATA
from contracts.dispatch.reports import EXERCISE_FILTERS
from contracts.dispatch.results import CommandResult
from contracts.refusal import refusal
from gateway.routes import params
from gateway.routes.body import read_object
from gateway.routes.calling import ask_service, command, json_response, query
from gateway.routes.params import read_query
from gateway.routes.paths import INCIDENT
from gateway.routes.table import Call, Route

OWNER = "dispatch"
PAGE_SIZE = 200

PREFIX = params.text("prefix", "辖区：代码前缀 · Jurisdiction: prefix of a grid code", pattern="[0-9]{1,17}")
EXERCISE = params.choice(
    "exercise", "演练：排除、包含或仅演练 · Drills: leave out, count, or nothing else", EXERCISE_FILTERS
)
REFERENCE_SYSTEM = params.text(
    "reference_system", "来源系统 · Only incidents of this other system", pattern="[a-z][a-z0-9_-]{0,31}"
)
LIMIT = params.whole("limit", "每页条数 · Entries on a page", 1, PAGE_SIZE)
CURSOR = params.text("cursor", "下一页游标 · Where the page starts: next_cursor of the one before")

STEPS = (
    ("push", "incident.push", "推送至责任中心", "Push to the responsible centre"),
    ("acknowledge", "incident.acknowledge", "中心签收", "The centre has seen it"),
    ("escalate", "incident.escalate", "升级上报", "Escalate one level up the grid tree"),
    ("resolve", "incident.resolve", "处置完成", "Resolve"),
    ("feedback", "incident.feedback", "反馈", "Feed back"),
    ("close", "incident.close", "办结", "Close"),
    ("archive", "incident.archive", "归档", "Archive"),
    ("cancel", "incident.cancel", "取消", "Cancel"),
    ("reopen", "incident.reopen", "重新打开", "Reopen"),
    ("merge", "incident.merge", "并入主事件", "Merge into the incident it is a duplicate of"),
    ("unmerge", "incident.unmerge", "撤销合并", "Undo a merge without loss"),
    ("hand-over", "incident.hand_over", "移交调解", "Hand over to mediation"),
    ("correct", "incident.correct", "更正时间", "Correct a stamp, kept beside the first"),
    ("note", "incident.note", "添加备注", "Add a note"),
    ("contact", "incident.read_contact", "查看报警人联系方式（留痕）", "Read the caller's contact, on the record"),
)


async def likely_duplicates(call: Call) -> ASGIApp:
    """What looks like this draft of an incident; changes nothing."""
    read_query(call.request.query_params, ())
    draft = await read_object(call.request)
    occurred_at = {"occurred_at": draft.pop("occurred_at")} if "occurred_at" in draft else {}
    try:
        DraftIncident().load(draft)
    except ValidationError as error:
        raise from_refusal(refusal(error.messages)) from None
    return json_response(await ask_service(call, {"draft": {**draft, **occurred_at}}))


def _step(segment: str, name: str, zh: str, en: str) -> Route:
    return Route(
        "POST", f"/v1/incidents/{{incident}}/{segment}", name.replace(".", "_"), zh, en, OWNER, name, command,
        path_params={"incident": INCIDENT}, command=name, body=DATA[name], answer=CommandResult,
    )  # fmt: skip


ROUTES = (
    Route(
        "POST", "/v1/incidents", "incident_create", "接警登记", "Take an incident in", OWNER, "incident.create",
        command,
        command="incident.create", body=CreateIncident, answer=CommandResult, status=201,
        location="/v1/incidents/{incident_id}",
        about="The caller's contact details are sealed at once and appear in no answer, event or log.",
    ),
    Route(
        "POST", "/v1/incidents/likely-duplicates", "incident_likely_duplicates", "疑似重复警情",
        "What a draft looks like",
        OWNER, "incident.compare", likely_duplicates, rpc="dispatch.likely_duplicates", body=DraftIncident,
        about="Takes a draft of an incident, every field optional, and changes nothing.",
    ),
    Route(
        "GET", "/v1/incidents/{incident}", "incident_get", "事件详情", "One incident", OWNER, "incident.read", query,
        path_params={"incident": INCIDENT}, rpc="dispatch.get_incident", versioned=True,
        query=(params.choice("include", "附加内容 · What to add", ("timeline",), repeated=True),),
    ),
    *(_step(*step) for step in STEPS),
    Route(
        "GET", "/v1/incidents/{incident}/recommendations", "incident_recommend", "推荐处置力量",
        "Teams ranked, each pick and non-pick with its reasons", OWNER, "incident.recommend", query,
        path_params={"incident": INCIDENT}, rpc="dispatch.recommend",
        about="`chosen` are those that `auto: true` would send now: one team, or several that together bring `skills`.",
    ),
    Route(
        "POST", "/v1/incidents/{incident}/assignments", "incident_assign", "下派", "Assign a team", OWNER,
        "incident.assign",
        command, path_params={"incident": INCIDENT}, command="incident.assign", body=DATA["incident.assign"],
        answer=CommandResult, status=201, location="/v1/incidents/{incident_id}",
        about="`team` (also accepted as `team_id`) names the team by id or call sign; "
        "`auto: true` sends the teams that the recommendation has `chosen`: as many as it takes to bring the skills "
        "that nobody brings yet. `missing_skills` tells those that nobody could be found for.",
    ),
)  # fmt: skip
