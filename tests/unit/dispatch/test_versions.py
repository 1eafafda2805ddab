"""`if_version`: a command is done only while the thing is still of the version that its sender saw."""

import pytest

from contracts.catalogue import COMMANDS
from tests.unit.dispatch.asking import create, incident, on, run, tell
from tests.unit.dispatch.builders import team
from tests.unit.dispatch.fakes import FakeDatabase

DATA = {
    "incident.escalate": {"reason": "x"}, "incident.resolve": {"outcome": "settled"},
    "incident.feedback": {"disposition": "18"}, "incident.cancel": {"reason": "x"}, "incident.reopen": {"reason": "x"},
    "incident.merge": {"into": "police110:2"}, "incident.hand_over": {"to": "mediation", "reason": "x"},
    "incident.correct": {"stage": "received", "occurred_at": "2026-01-02T03:04:05Z", "why": "x"},
    "incident.read_contact": {"purpose": "call_back"}, "incident.note": {"note": "x"},
    "incident.assign": {"auto": True}, "assignment.refuse": {"reason": "x"}, "team.change": {"in_service": False},
    "team.move": {"lat": 30.0, "lon": 120.0},
    "team.shifts": {"shifts": []},
}  # fmt: skip
ADDRESSED = sorted(set(COMMANDS) - {"incident.create", "team.create"})


@pytest.fixture
def database():
    database = FakeDatabase()
    database.unit.teams.add(team(1, base_lat=30.001, base_lon=120.0))
    run(database, create(push=True), create("2"), on("incident.assign", auto=True))
    return database


def address(name):
    aggregate, _, step = name.partition(".")
    if aggregate == "team":
        return {"team": "T1"}
    return tell(step, "T1") if aggregate == "assignment" else on(name)


def command(name, **envelope):
    return {**address(name), "command": name, "data": DATA.get(name, {}), **envelope}


@pytest.mark.parametrize("name", ADDRESSED)
def test_every_command_for_another_version_is_refused_with_the_present_one_and_changes_nothing(database, name):
    thing = database.unit.teams.by_call_sign("T1") if name.startswith("team.") else incident(database)
    before = thing.version
    (answer,) = run(database, command(name, if_version=before + 7))
    problem = answer["problem"]
    assert (problem["code"], problem["status"], problem["field"]) == ("version_mismatch", 412, "if_version")
    assert problem["current_version"] == before
    after = database.unit.teams.by_call_sign("T1") if name.startswith("team.") else incident(database)
    assert after.version == before


@pytest.mark.parametrize("name", ["incident.note", "assignment.accept", "team.change"])
def test_a_command_for_the_present_version_is_done_and_its_answer_has_the_next(database, name):
    thing = database.unit.teams.by_call_sign("T1") if name.startswith("team.") else incident(database)
    (answer,) = run(database, command(name, if_version=thing.version))
    assert answer["ok"], answer
    assert answer["result"]["version"] > thing.version


def test_of_two_commands_in_one_batch_for_the_same_version_the_second_is_refused(database):
    version = incident(database).version
    first, second = run(database, *(on("incident.note", note=word) | {"if_version": version} for word in "ab"))
    assert first["ok"]
    assert second["problem"]["current_version"] == first["result"]["version"]


def test_a_command_sent_again_is_answered_again_although_its_own_doing_moved_the_version(database):
    note = on("incident.note", note="x") | {"if_version": incident(database).version, "key": "same"}
    (first,), (again,) = run(database, note), run(database, note)
    assert again == {**first, "replayed": True}


def test_the_same_key_for_another_version_is_another_command(database):
    note = on("incident.note", note="x") | {"if_version": 99, "key": "same"}
    run(database, note)
    (answer,) = run(database, note | {"if_version": incident(database).version})
    assert answer["problem"]["code"] == "idempotency_key_reused"


def test_what_is_not_there_is_not_found_whatever_the_version(database):
    (answer,) = run(database, on("incident.note", "404", note="x") | {"if_version": 1})
    assert answer["problem"]["code"] == "unknown_incident"
