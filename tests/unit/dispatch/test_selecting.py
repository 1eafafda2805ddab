"""Incidents in part: what was asked for and nothing else."""

import pytest

from contracts.answers import dump_answer
from contracts.dispatch.selection import SELECTABLE
from services.dispatch.application import queries
from services.dispatch.application.selecting import select_incidents
from services.dispatch.domain.errors import Invalid
from tests.unit.dispatch.asking import create, on, run
from tests.unit.dispatch.builders import team
from tests.unit.dispatch.fakes import ACTOR, FakeDatabase, FakeReading


class CountingReading(FakeReading):
    """Remembers which look-ups beside the page were made."""

    def __init__(self, unit):
        super().__init__(unit)
        self.looked_up = []

    def chain_heads(self, incident_ids):
        self.looked_up.append("chain")
        return super().chain_heads(incident_ids)

    def duplicate_ids(self, root_ids):
        self.looked_up.append("duplicates")
        return super().duplicate_ids(root_ids)

    def call_signs(self, team_ids):
        self.looked_up.append("assignments")
        return super().call_signs(team_ids)


@pytest.fixture
def reading():
    database = FakeDatabase()
    database.unit.teams.add(team(1, base_lat=30.001, base_lon=120.0))
    run(database, create(push=True), on("incident.assign", auto=True))
    return CountingReading(database.unit)


def only(reading, *fields):
    answer = select_incidents(reading, ACTOR, list(fields), {})
    dump_answer("dispatch.select_incidents", answer)
    (incident,) = answer["incidents"]
    return incident


def test_an_incident_has_the_members_asked_for_and_no_others(reading):
    assert only(reading, "state", "version", "lat") == {"state": "assigned", "version": 3, "lat": 30.0}


@pytest.mark.parametrize("name", [name for name in SELECTABLE if "." not in name])
def test_every_member_alone_is_what_the_whole_view_says(reading, name):
    (whole,) = queries.list_incidents(reading, ACTOR, {})["incidents"]
    cut = only(reading, name)
    assert set(cut) == {name}
    assert name not in whole or cut[name] == whole[name]


def test_all_members_together_are_the_whole_view_and_the_first_times_of_teams(reading):
    (whole,) = queries.list_incidents(reading, ACTOR, {})["incidents"]
    every = only(reading, *SELECTABLE)
    assert every["first_assigned_at"] == every["assignments"][0]["stamps"]["assigned"]["occurred_at"]
    assert {name: value for name, value in every.items() if not name.startswith("first_")} == whole


def test_one_stamp_may_be_chosen_and_one_that_is_not_there_is_left_out(reading):
    cut = only(reading, "stamps.received", "stamps.closed")
    assert set(cut) == {"stamps"}
    assert set(cut["stamps"]) == {"received"}


def test_what_nobody_asked_for_is_not_looked_up(reading):
    only(reading, "state", "stamps")
    assert reading.looked_up == []
    only(reading, "chain", "duplicates", "assignments")
    assert reading.looked_up == ["chain", "duplicates", "assignments"]


@pytest.mark.parametrize(
    ("fields", "code"), [(["state", "colour"], "unknown_field"), ([["state"]], "unknown_field"),
                         (["timeline"], "unknown_field"), ([], "invalid_input"), ("state", "invalid_input")],
)  # fmt: skip
def test_a_member_that_no_incident_has_is_refused(reading, fields, code):
    with pytest.raises(Invalid) as refused:
        select_incidents(reading, ACTOR, fields, {})
    assert (refused.value.code, refused.value.field) == (code, "fields")


@pytest.mark.parametrize(
    ("name", "value"),
    [("state", ["pushed", "lost"]), ("state", []), ("priority", [True]), ("category", [["medical"]]), ("kind", "lost"),
     ("source", 7), ("centre", [None]), ("centre", ["C"] * 51)],
)  # fmt: skip
def test_a_value_that_a_filter_never_has_is_refused_naming_the_filter(reading, name, value):
    with pytest.raises(Invalid) as refused:
        queries.list_incidents(reading, ACTOR, {name: value})
    assert refused.value.field == name


def test_a_filter_takes_one_value_or_several(reading):
    queries.list_incidents(reading, ACTOR, {"state": "pushed", "priority": [1, 2]})
    assert (reading.asked[-1].state, reading.asked[-1].priority) == (("pushed",), (1, 2))
