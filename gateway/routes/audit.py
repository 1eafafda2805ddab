"""What auditors read: requests that were denied."""

from __future__ import annotations

from gateway.routes import params
from gateway.routes.calling import query
from gateway.routes.incidents import CURSOR, OWNER
from gateway.routes.reports import SINCE, UNTIL
from gateway.routes.table import Route

ABOUT = (
    "Who was denied what, when, by which rule, about what: opaque ids only. One entry may stand for several alike "
    "(`times`). Recorded within seconds; nothing in it is ever changed."
)
ROUTES = (
    Route(
        "GET", "/v1/audit/denials", "audit_denials", "拒绝记录", "Denied requests, newest first", OWNER, "audit.read",
        query,
        rpc="dispatch.list_denials", about=ABOUT,
        query=(
            SINCE, UNTIL,
            params.text("subject", "人员标识 · Opaque id of who was denied"),
            params.text("permission", "权限 · Permission that was missing"),
            params.whole("limit", "每页条数 · Entries on a page", 1, 1000), CURSOR,
        ),
    ),
)  # fmt: skip
