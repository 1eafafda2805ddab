"""Two towns with a team each, and incidents in both that every kind of reach has something of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from services.dispatch.domain.centre import Centre
from services.dispatch.domain.grid_tree import GridNode
from tests.integration.dispatch.county import box, command
from tests.support.callers import DEVELOPER, person

COUNTY, HERE, THERE = "999999", "999999001", "999999002"
COMMUNITY = {HERE: f"{HERE}001", THERE: f"{THERE}001"}
POINT = {HERE: {"lat": 29.5, "lon": 119.25}, THERE: {"lat": 29.5, "lon": 119.75}}
CENTRE = {HERE: "C-HERE", THERE: "C-THERE"}
TEAM = {HERE: "HERE-1", THERE: "THERE-1"}
CREW, RESIDENT = "p-crew", "r-resident"


class County:
    """What the tests put into dispatch, past every decision about rights."""

    def __init__(self, dispatch: Any, engine: Any) -> None:
        self.dispatch, self.engine = dispatch, engine
        dispatch.transactions(_fill)
        for town in (HERE, THERE):
            crew = [{"role": "lead", "reference": CREW if town == HERE else "p-other"}]
            told = {"call_sign": TEAM[town], "name_zh": "演示组", "kind": "patrol", "centre_code": CENTRE[town],
                    "capacity": 20, "members": crew, "base": POINT[town]}  # fmt: skip
            self.do("team.create", data=told)

    def do(self, name: str, *, by: Any = DEVELOPER, **envelope: Any) -> dict[str, Any]:
        """The result of one command. Whoever gives it is whom it is told of."""
        (answer,) = self.dispatch.execute([command(name, **envelope)], by)
        assert answer["ok"], answer
        return dict(answer["result"])

    def pair(self, category: str = "neighbour_dispute") -> dict[str, Incident]:
        """An incident in each town: reported by the resident here and by nobody of ours there, each with its team."""
        return {town: self._incident(town, category) for town in (HERE, THERE)}

    def _incident(self, town: str, category: str) -> Incident:
        told = {"source": "resident", "category": category, "location": POINT[town], "push": True,
                "caller": {"phone": "00000000000"}, "summary": "演示"}  # fmt: skip
        # A developer who goes by the resident's id: the incident is the resident's, the rest is done by developers.
        reporter = replace(DEVELOPER, subject=RESIDENT) if town == HERE else DEVELOPER
        made = self.do("incident.create", by=reporter, data=told)["incident_id"]
        sent = self.do("incident.assign", incident=made, data={"team": TEAM[town]})
        return Incident(made, sent["assignment_id"])

    def rows(self, statement: str) -> list[Any]:
        """What the database holds."""
        with self.engine.connect() as connection:
            return list(connection.exec_driver_sql(statement))


@dataclass(frozen=True)
class Incident:
    """An incident and its assignment."""

    id: str
    assignment: str


def caller(role: str) -> Any:
    """Somebody of that role in the town HERE; those whose reach is no place stand in the crew, or reported."""
    if role == "developer":
        return DEVELOPER
    subject = {"team_member": CREW, "resident": RESIDENT}.get(role, f"p-{role}")
    return person(role, subject=subject, at=(HERE,))


def _fill(unit: Any) -> None:
    nodes = [_node(COUNTY)]
    for town, (west, east) in {HERE: (119.0, 119.5), THERE: (119.5, 120.0)}.items():
        ground = box(west, 29.0, east, 30.0)
        nodes += [_node(town), _node(COMMUNITY[town]), _node(f"{COMMUNITY[town]}001"),
                  _node(f"{COMMUNITY[town]}00101", ground)]  # fmt: skip
    unit.places_writer.put_grids(nodes)
    unit.places_writer.put_centres([
        Centre("C-COUNTY", "演示中心", "Demo", "county", COUNTY, 29.5, 119.5, always_open=True, hours=None, version=1),
        *(
            Centre(
                CENTRE[town], "演示站", "Demo", "street_centre", town, 29.5, 119.5, always_open=True, hours=None,
                version=1,
            )
            for town in (HERE, THERE)
        ),
    ])  # fmt: skip


def _node(code: str, boundary: Any = None) -> GridNode:
    levels = {6: "county", 9: "town", 12: "community", 15: "grid", 17: "micro_grid"}
    parent = next((code[:length] for length in sorted(levels, reverse=True) if length < len(code)), None)
    return GridNode(code, 1, parent, levels[len(code)], None, "演示", "Demo", boundary)
