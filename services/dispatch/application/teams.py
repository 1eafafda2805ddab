"""Setting teams up and keeping them true: create, change, move, shifts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.dispatch.application.context import Command, Context, Result
from services.dispatch.domain.errors import Conflict, Invalid
from services.dispatch.domain.stamps import StampRules, judge
from services.dispatch.domain.team import Member, Shift, Team

_ANY_ORDER = StampRules()


def create(context: Context, command: Command) -> Result:
    """A new team. Raises Conflict `call_sign_taken`, Invalid `unknown_centre`."""
    data = command["data"]
    _refuse_unknown_centre(context, data["centre_code"])
    context.access.permit_place(command["command"], context.grid_of(data["centre_code"]))
    _refuse_taken_call_sign(context, data["call_sign"])
    team = Team(context.uow.new_id(), **_fields(data))
    team.tell_created(context.report(command))
    context.uow.teams.add(team)
    return _told(team)


def change(context: Context, command: Command) -> Result:
    """Change what is given. Raises Conflict `call_sign_taken`, Invalid `unknown_centre`, NotFound `unknown_team`."""
    team, data = context.team(command), command["data"]
    if data.get("call_sign", team.call_sign) != team.call_sign:
        _refuse_taken_call_sign(context, data["call_sign"])
    if "centre_code" in data:
        _refuse_unknown_centre(context, data["centre_code"])
        context.access.permit_place(command["command"], context.grid_of(data["centre_code"]))
    team.change(_fields(data), context.report(command))
    return _told(team)


def move(context: Context, command: Command) -> Result:
    """Where the team is.

    An older fix than the one known is taken without effect: it arrived late, which is no fault.
    """
    team, data = context.team(command), command["data"]
    report = context.report(command)
    judge(report, _ANY_ORDER, previous=None, following=None, backfill=False)
    team.move(data["lat"], data["lon"], report)
    return _told(team)


def shifts(context: Context, command: Command) -> Result:
    """Replace the shift list. Raises Invalid `shifts_overlap`."""
    team = context.team(command)
    listed = tuple(Shift(shift["starts_at"], shift["ends_at"]) for shift in command["data"]["shifts"])
    team.set_shifts(listed, context.report(command))
    return _told(team)


def _told(team: Team) -> Result:
    return {"team_id": str(team.id), "version": team.version}


def _fields(data: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in data.items() if name != "base"}
    if data.get("base") is not None:
        fields["base_lat"], fields["base_lon"] = data["base"]["lat"], data["base"]["lon"]
    if "skills" in data:
        fields["skills"] = tuple(data["skills"])
    if "members" in data:
        fields["members"] = tuple(Member(**member) for member in data["members"])
    return fields


def _refuse_taken_call_sign(context: Context, call_sign: str) -> None:
    taken = context.uow.teams.by_call_sign(call_sign)
    if taken is not None:
        raise Conflict(
            "call_sign_taken",
            f"{call_sign} is a team already",
            field="data.call_sign",
            rule="unique",
            team_id=str(taken.id),
        )


def _refuse_unknown_centre(context: Context, centre_code: str) -> None:
    if not any(centre.code == centre_code and not centre.retired for centre in context.uow.places.centres):
        raise Invalid(
            "unknown_centre", f"there is no centre {centre_code}", field="data.centre_code", rule="known_centre"
        )
