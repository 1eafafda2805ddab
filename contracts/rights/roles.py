"""Who may do what: each role's permissions, and how far each of them reaches. The one place where that is said.

A role says nothing of places: the jurisdictions of its holder do. How a reach is decided: docs/decisions/0056.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from contracts.dispatch.codes import CONTACT_PURPOSES
from contracts.rights.permissions import PERMISSIONS, VOUCHED

COUNTY, AREA, DISPUTES, TEAM, OWN = REACHES = ("county", "area", "disputes", "team", "own")
"""Wherever it is; in a jurisdiction of the actor; there, and a dispute; what the actor's team is sent to; what the
actor reported."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role by its field's name: permission → reach, and the purposes for which its holders may read a contact."""

    code: str
    zh: str
    en: str
    grants: Mapping[str, str]
    purposes: frozenset[str] = field(default_factory=frozenset)


def _grants(reach: str, names: str, **others: str) -> dict[str, str]:
    """Permissions in words, all of one reach; `others`: a reach → further permissions with that one."""
    granted = dict.fromkeys(names.split(), reach)
    for other, more in others.items():
        granted |= dict.fromkeys(more.split(), other)
    return {VOUCHED: COUNTY, **granted}


def _role(code: str, zh: str, en: str, grants: Mapping[str, str], purposes: Iterable[str] = ()) -> Role:
    return Role(code, zh, en, grants, frozenset(purposes))


_SEE = "incident.read incident.read_place incident.read_text incident.read_work"
_GROUND = "grid.read centre.read team.read"
_FIGURES = "sla.read board.read stream.read"
_WHO = "team.read_members post.read"
_FIELD = "assignment.accept assignment.refuse assignment.depart assignment.arrive assignment.clear"
_HANDLE = "incident.resolve incident.feedback incident.note"
_DESK = f"""incident.push incident.acknowledge incident.assign incident.escalate incident.close incident.archive
incident.cancel incident.reopen incident.merge incident.unmerge incident.hand_over incident.correct incident.recommend
incident.compare assignment.withdraw {_HANDLE} {_FIELD}"""
_LEAD = f"""{_SEE} incident.read_caller incident.read_contact {_GROUND} {_FIGURES} {_WHO} incident.recommend
incident.compare incident.push incident.assign incident.escalate incident.close incident.archive incident.cancel
incident.reopen incident.hand_over incident.correct assignment.withdraw {_HANDLE} team.create team.change team.shifts"""
# A call that is refused is a call that is lost: who takes calls takes them from wherever they come.
_TAKES_CALLS = "incident.create grid.locate"

_ROWS = (
    _role(
        "county_lead", "县级负责人", "County lead", _grants(AREA, _LEAD, county=f"{_TAKES_CALLS} audit.read"),
        ("follow_up", "legal_request"),
    ),
    _role(
        "town_lead", "乡镇（街道）负责人", "Town lead", _grants(AREA, _LEAD, county=_TAKES_CALLS),
        ("follow_up",),
    ),
    _role(
        "community_lead", "村（社区）负责人", "Community lead",
        _grants(
            AREA,
            f"{_SEE} incident.read_caller incident.read_contact {_GROUND} {_FIGURES} {_WHO} incident.recommend "
            f"incident.push incident.assign incident.escalate incident.close incident.hand_over {_HANDLE} team.shifts",
            county=_TAKES_CALLS,
        ),
        ("follow_up", "handle"),
    ),
    _role(
        "grid_lead", "网格长", "Grid lead",
        _grants(
            AREA, f"{_SEE} {_GROUND} post.read stream.read incident.escalate {_HANDLE}", county=_TAKES_CALLS
        ),
    ),
    _role(
        "grid_worker", "网格员", "Grid worker",
        _grants(AREA, f"{_SEE} grid.read incident.note incident.feedback", county=_TAKES_CALLS),
    ),
    _role(
        "dispatcher", "接警调度员", "Dispatcher",
        _grants(
            AREA,
            f"{_SEE} incident.read_caller incident.read_contact {_GROUND} {_FIGURES} {_WHO} {_DESK} team.move "
            "team.shifts feed.write",
            county=_TAKES_CALLS,
        ),
        ("call_back", "locate", "handle", "follow_up"),
    ),
    _role(
        "centre_operator", "中心值班员", "Centre operator",
        _grants(
            AREA,
            f"{_SEE} incident.read_caller incident.read_contact {_GROUND} {_FIGURES} {_WHO} {_DESK} team.change "
            "team.move team.shifts",
            county=_TAKES_CALLS,
        ),
        ("call_back", "handle", "follow_up"),
    ),
    _role(
        "police", "民警", "Police",
        _grants(
            AREA,
            f"{_SEE} incident.read_caller incident.read_contact {_GROUND} {_FIGURES} {_WHO} incident.compare "
            f"incident.push incident.merge incident.cancel {_HANDLE}",
            county=_TAKES_CALLS,
        ),
        ("call_back", "locate", "handle", "legal_request"),
    ),
    _role(
        "team_member", "联动组队员", "Team member",
        _grants(
            TEAM,
            f"{_SEE} incident.read_caller incident.read_contact {_FIELD} incident.resolve incident.note team.read "
            "team.read_members team.move",
            area="grid.read centre.read", county=_TAKES_CALLS,
        ),
        ("locate", "handle"),
    ),
    _role(
        "mediator", "调解员", "Mediator",
        _grants(
            DISPUTES, f"{_SEE} incident.note incident.feedback", area="grid.read centre.read",
            county=_TAKES_CALLS,
        ),
    ),
    _role(
        "registrar", "户籍登记员", "Registrar", _grants(AREA, "grid.read post.read centre.read", county="grid.locate"),
    ),
    _role(
        "resident", "居民", "Resident",
        _grants(OWN, "incident.read incident.read_place incident.read_text", county=_TAKES_CALLS),
    ),
    _role(
        "ops", "运维", "Operations",
        _grants(AREA, f"incident.read incident.read_work {_GROUND} {_FIGURES}", county="grid.locate"),
    ),
    _role(
        "auditor", "审计员", "Auditor",
        _grants(AREA, f"incident.read incident.read_work {_GROUND} sla.read", county="audit.read"),
    ),
    _role(
        "integration", "外部系统", "Outside system",
        _grants(
            AREA,
            f"{_TAKES_CALLS} {_SEE} {_GROUND} incident.push incident.cancel incident.correct incident.merge {_HANDLE} "
            f"{_FIELD} team.move feed.write stream.read",
        ),
    ),
    _role("system", "本系统进程", "A process of this system", {"call.joined": COUNTY, "denial.record": COUNTY}),
    _role(
        "developer", "开发者（仅开发模式）", "Developer (development mode only)",
        dict.fromkeys(PERMISSIONS.keys() - {"call.joined", "denial.record"}, COUNTY), CONTACT_PURPOSES,
    ),
)  # fmt: skip

ROLES: dict[str, Role] = {each.code: each for each in _ROWS}
GRANTED_TO_PROCESSES = "system"
GRANTED_TO_DEVELOPERS = "developer"
