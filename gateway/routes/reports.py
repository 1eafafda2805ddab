"""Figures: the 115 report, breaches, centres, policies, the live board."""

from __future__ import annotations

from contracts.dispatch import codes
from contracts.dispatch.reports import GROUPINGS
from gateway.routes import params
from gateway.routes.calling import query
from gateway.routes.incidents import CURSOR, EXERCISE, LIMIT, PREFIX, REFERENCE_SYSTEM
from gateway.routes.table import Route

OWNER = "dispatch"
SINCE = params.moment("from", "起（含） · From, inclusive", argument="since")
UNTIL = params.moment("to", "止（不含） · To, exclusive", argument="until")

ROUTES = (
    Route(
        "GET", "/v1/sla/report", "sla_report", "115 时效报告", "The 115 figures", OWNER, "sla.read", query,
        rpc="dispatch.sla_report",
        query=(SINCE, UNTIL, params.choice("by", "分组 · Grouping", GROUPINGS), PREFIX, EXERCISE, REFERENCE_SYSTEM),
        about="Intervals by 115's names and NFPA's; percentiles are continuous, rounded to 3 decimals.",
    ),
    Route(
        "GET", "/v1/sla/breaches", "sla_breaches", "超时清单", "Missed targets, withdrawn ones included", OWNER,
        "sla.read",
        query, rpc="dispatch.sla_breaches",
        query=(
            SINCE, UNTIL, PREFIX,
            params.choice("stage", "环节 · Stage", tuple(codes.STAGES)),
            params.text("incident", "事件 · One incident: its id or system:number"),
            EXERCISE, REFERENCE_SYSTEM, LIMIT, CURSOR,
        ),
    ),
    Route(
        "GET", "/v1/centres", "centre_list", "中心列表", "Centres and whether somebody is on shift", OWNER,
        "centre.read",
        query, rpc="dispatch.list_centres", query=(PREFIX,),
    ),
    Route(
        "GET", "/v1/policies", "policy_list", "时效规则", "SLA policies, every version", OWNER, "sla.read", query,
        rpc="dispatch.get_policies",
    ),
    Route(
        "GET", "/v1/board", "board", "实时看板", "Open incidents with their running clocks, and the figures so far",
        OWNER,
        "board.read", query, rpc="dispatch.board", query=(SINCE,),
    ),
)  # fmt: skip
