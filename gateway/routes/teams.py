"""Teams: who can be sent, where they are, when they are on shift."""

from __future__ import annotations

from contracts.dispatch import codes
from contracts.dispatch.commands import DATA
from contracts.dispatch.results import CommandResult
from gateway.routes import params
from gateway.routes.calling import command, query
from gateway.routes.incidents import PREFIX
from gateway.routes.paths import TEAM
from gateway.routes.table import Route

OWNER = "dispatch"

ROUTES = (
    Route(
        "GET", "/v1/teams", "team_list", "联动组列表", "List teams by call sign", OWNER, "team.read", query,
        rpc="dispatch.list_teams",
        query=(
            PREFIX,
            params.text("centre", "中心代码 · Code of their centre"),
            params.choice("kind", "类型 · Kind", tuple(codes.TEAM_KINDS)),
            params.flag("available", "可用 · Only those that could take an incident now"),
        ),
    ),
    Route(
        "POST", "/v1/teams", "team_create", "新建联动组", "Create a team", OWNER, "team.create", command,
        command="team.create", body=DATA["team.create"], answer=CommandResult, status=201,
        location="/v1/teams/{team_id}",
    ),
    Route(
        "GET", "/v1/teams/{team}", "team_get", "联动组详情", "One team", OWNER, "team.read", query,
        path_params={"team": TEAM}, rpc="dispatch.get_team", versioned=True,
    ),
    Route(
        "PATCH", "/v1/teams/{team}", "team_change", "修改联动组", "Change a team: only what is given", OWNER,
        "team.change",
        command, path_params={"team": TEAM}, command="team.change", body=DATA["team.change"], answer=CommandResult,
    ),
    Route(
        "PUT", "/v1/teams/{team}/position", "team_move", "上报位置", "Where the team is", OWNER, "team.move", command,
        path_params={"team": TEAM}, command="team.move", body=DATA["team.move"], answer=CommandResult,
    ),
    Route(
        "PUT", "/v1/teams/{team}/shifts", "team_shifts", "排班", "Replace the shift list", OWNER, "team.shifts",
        command,
        path_params={"team": TEAM}, command="team.shifts", body=DATA["team.shifts"], answer=CommandResult,
    ),
)  # fmt: skip
