"""A batch of commands: one transaction, refusals that hurt no neighbour, keys that are answered once."""

from dataclasses import replace

import pytest

from contracts.dispatch.commands import DATA
from services.dispatch.application import index
from services.dispatch.application.execute import execute
from services.dispatch.application.ports import Remembered
from services.dispatch.domain.errors import Invalid
from tests.unit.dispatch.asking import create, on, run, tell
from tests.unit.dispatch.fakes import ACTOR, FakeUnit, problem_of


def test_every_command_of_the_contract_has_a_handler_and_no_other():
    assert set(index.COMMANDS) == set(DATA)


def test_an_incident_goes_all_the_way_in_one_batch(database):
    answers = run(
        database, create(push=True), on("incident.acknowledge"), on("incident.assign", team="T1"), tell("accept", "T1"),
        tell("depart", "T1"), tell("arrive", "T1"), tell("clear", "T1"), on("incident.resolve", outcome="settled"),
        on("incident.feedback", disposition="18"), on("incident.close"), on("incident.archive"),
    )  # fmt: skip
    assert [answer["ok"] for answer in answers] == [True] * 11
    assert [answer["result"]["state"] for answer in answers][-1] == "archived"
    assert (answers[0]["status"], answers[2]["status"], answers[3]["status"]) == (201, 201, 200)
    assert database.transactions == 1


def test_a_refusal_and_a_command_that_breaks_its_schema_hurt_no_neighbour(database):
    answers = run(
        database,
        create(),
        on("incident.archive"),
        {"command": "incident.push", "incident": "police110:1", "oops": 1},
        on("incident.push"),
    )
    assert [answer["ok"] for answer in answers] == [True, False, False, True]
    assert [answer["problem"]["code"] for answer in answers if not answer["ok"]] == [
        "impossible_transition",
        "unknown_field",
    ]


def test_the_same_key_gives_the_same_answer_also_for_a_refusal(database):
    first = run(database, {**create(), "key": "a"}, {**on("incident.archive"), "key": "b"})
    again = run(database, {**create(), "key": "a"}, {**on("incident.archive"), "key": "b"}, seconds=9)
    assert [answer["replayed"] for answer in again] == [True, True]
    assert [{**answer, "replayed": False} for answer in again] == first
    assert len(database.unit.incidents.rows) == 1


def test_the_same_key_twice_in_one_batch_is_done_once(database):
    first, second = run(database, {**create(), "key": "a"}, {**create(), "key": "a"})
    assert (first["replayed"], second["replayed"], second["result"]) == (False, True, first["result"])


def test_a_key_used_for_another_command_is_refused(database):
    run(database, {**create("1"), "key": "a"})
    (answer,) = run(database, {**create("2"), "key": "a"})
    assert answer["problem"]["code"] == "idempotency_key_reused"


def test_a_key_belongs_to_its_client(database):
    run(database, {**create("1"), "key": "a"})
    other = replace(ACTOR, client="other-token")
    (answer,) = run(database, {**create("2"), "key": "a"}, actor=other)
    assert answer["ok"]


def test_the_same_command_with_another_key_is_a_conflict_that_says_already(database):
    run(database, create(push=True), on("incident.assign", team="T1"), tell("arrive", "T1"))
    (answer,) = run(database, tell("arrive", "T1"), seconds=5)
    assert answer["problem"]["code"] == "already_arrived"


def test_a_twin_that_was_first_has_its_answer_recalled(database):
    asked = {**create(), "key": "a"}
    fingerprint = FakeUnit().answers.fingerprint({name: asked[name] for name in asked if name != "key"})
    answer = {"ok": True, "status": 201, "replayed": False, "result": {"incident_id": "x"}}
    database.unit.answers.twin = {(ACTOR.client, "a"): Remembered(fingerprint, answer)}
    (told,) = execute([asked], ACTOR, database.transact, problem_of)
    assert (told["result"], told["replayed"]) == ({"incident_id": "x"}, True)
    assert database.transactions == 2
    assert not database.unit.incidents.rows


def test_an_unexpected_error_is_found_by_running_one_by_one_and_stays_alone(database, monkeypatch):
    def broken(context, command):
        raise ZeroDivisionError

    monkeypatch.setitem(index.COMMANDS, "incident.note", broken)
    answers = run(database, create(), on("incident.note", note="x"), on("incident.push"))
    assert [answer["ok"] for answer in answers] == [True, False, True]
    assert answers[1]["problem"]["code"] == "internal"
    assert not any("note" in key for _, key in database.unit.answers.rows)


def test_when_the_database_is_away_nothing_is_answered(database):
    class Away(Exception):
        retryable = True

    database.failures.append(Away())
    with pytest.raises(Away):
        run(database, create(), create("2"))
    assert not database.unit.incidents.rows


def test_more_than_500_commands_are_refused(database):
    with pytest.raises(Invalid):
        execute([{}] * 501, ACTOR, database.transact, problem_of)
