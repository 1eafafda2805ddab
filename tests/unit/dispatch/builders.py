"""Short ways to an incident in any state, with times told in seconds from one fixed moment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.dispatch.domain import desk, fieldwork, intake
from services.dispatch.domain.centre import Centre, Hours
from services.dispatch.domain.desk import Route, Step
from services.dispatch.domain.fieldwork import Offer
from services.dispatch.domain.grid_tree import GridNode, GridTree
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.policy import SlaPolicy, built_in_policies
from services.dispatch.domain.recommendation import Need
from services.dispatch.domain.stamps import Report, StampRules
from services.dispatch.domain.team import Team

T0 = datetime(2026, 1, 2, 3, 0, 0, tzinfo=UTC)
POLICIES = {policy.id: policy for policy in built_in_policies()}
P115 = POLICIES["115"]
LENIENT = replace(P115, stamp_rules=StampRules(future="flag", order="flag"))
COUNTY, TOWN, COMMUNITY, GRID, MICRO = "999999", "999999001", "999999001001", "99999900100101", "9999990010010101"
ROUTE = Route("C-999999001", TOWN, "town")


def t(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def uid(number: int) -> UUID:
    return UUID(int=number)


def report(occurred: float, recorded: float | None = None, by: str = "desk") -> Report:
    return Report(t(occurred), t(occurred if recorded is None else recorded), by, "test")


def draft(**changes) -> intake.Draft:
    base = intake.Draft(
        source="police",
        category="medical",
        kind="emergency",
        priority=1,
        lat=30.0,
        lon=120.0,
        grid_code=MICRO,
        jurisdiction=MICRO,
    )
    return replace(base, **changes)


def received(
    at: float = 0, recorded: float | None = None, *, policy: SlaPolicy = P115, number: int = 1, **changes
) -> Incident:
    return intake.receive(uid(number), draft(**changes), policy, report(at, recorded))


def pushed(at: float = 10, **options) -> Incident:
    incident = received(**options)
    desk.push(incident, ROUTE, report(at))
    return incident


def assigned(at: float = 20, team: int = 7, **options) -> Incident:
    incident = pushed(**options)
    send(incident, at, team)
    return incident


def send(incident: Incident, at: float, team: int = 7, recorded: float | None = None, *, auto: bool = False):
    """Assign a team; the assignment's id is derived from its place on the roster."""
    offer = Offer(uid(1000 * incident.id.int + len(incident.assignments) + 1), uid(team), "C-999999001", auto)
    return fieldwork.assign(incident, offer, report(at, recorded))


def fed_back(**options) -> Incident:
    incident = assigned(**options)
    fieldwork.arrive(incident, incident.assignments[0], report(100))
    desk.resolve(incident, report(200), "settled")
    desk.feed_back(incident, report(210), "18")
    return incident


def types(incident: Incident) -> list[str]:
    return [event.type for event in incident.events]


def armed(incident: Incident) -> dict[str, datetime]:
    return {f"{kind}#{generation}": due for (kind, generation), due in incident.deadlines.armed.items()}


def ladder(*codes: str):
    """A way up through `codes`, the last one being the top."""

    def step(code: str | None) -> Step | None:
        place = codes.index(code) + 1 if code in codes else 0
        return (
            None
            if place >= len(codes)
            else Step(codes[place], "county" if place == len(codes) - 1 else "town", place == len(codes) - 1)
        )

    return step


def team(number: int = 7, **changes) -> Team:
    options = {
        "call_sign": f"T{number}",
        "name_zh": "一组",
        "kind": "medical",
        "centre_code": "C-999999001",
        "skills": ("medical",),
        "version": 1,
    }
    return Team(uid(number), **{**options, **changes})


def node(code: str, level: str, parent: str | None) -> GridNode:
    return GridNode(code, 1, parent, level, None, f"名{code}", code)


def tree() -> GridTree:
    return GridTree(
        [
            node(COUNTY, "county", None), node(TOWN, "town", COUNTY), node(COMMUNITY, "community", TOWN),
            node(GRID, "grid", COMMUNITY), node(MICRO, "micro_grid", GRID),
        ]
    )  # fmt: skip


def centre(code: str, grid: str, *, always_open: bool = True, hours: Hours | None = None, **changes) -> Centre:
    return Centre(code, "中心", "centre", "street_centre", grid, 30.0, 120.0, always_open, hours, 1, **changes)


def need(**changes):
    """What an incident in the town's desk asks of teams."""
    base = Need(30.0, 120.0, "C-999999001", ("medical",), frozenset(), frozenset(), P115.recommendation, T0)
    return replace(base, **changes)
