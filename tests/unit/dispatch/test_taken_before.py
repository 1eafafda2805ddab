"""Commands that waited in a store of ours (a gateway's journal) before dispatch heard of them."""

from contracts.answers import dump_answer
from services.dispatch.application import queries
from services.dispatch.application.ports import Actor
from tests.unit.dispatch.asking import create, incident, run
from tests.unit.dispatch.builders import T0, t
from tests.unit.dispatch.fakes import ACTOR, FakeReading


def taken(second, **data):
    return {**create(**data), "taken_at": t(second).isoformat()}


def test_a_call_was_received_when_it_was_taken_and_is_pushed_only_now(database):
    run(database, taken(0, push=True), seconds=600)
    found = incident(database)
    assert found.stamps["received"].effective == T0
    assert found.stamps["received"].recorded_at == t(600)
    assert found.pushed_at == t(600)
    assert found.clockwork.current("push").due_at == t(60)
    assert ("push", 1) in found.breaches


def test_a_call_that_waited_for_hours_is_no_backfill_and_its_clocks_run(database):
    run(database, taken(0), seconds=7 * 3600)
    assert not incident(database).backfill
    assert {clock.stage for clock in incident(database).clockwork.clocks} == {"push"}


def test_what_happened_long_before_it_was_taken_stays_a_backfill(database):
    run(database, {**taken(7200), "occurred_at": t(0).isoformat()}, seconds=7300)
    assert incident(database).backfill


def test_a_store_whose_clock_is_ahead_makes_no_stamp_in_the_future(database):
    (answer,) = run(database, taken(3600), seconds=10)
    assert answer["ok"]
    assert incident(database).stamps["received"].effective == t(10)


def test_the_key_stands_for_the_same_command_whether_it_waited_or_not(database):
    direct = {**create(), "key": "k"}
    (first,), (again,) = run(database, direct), run(database, {**direct, "taken_at": t(0).isoformat()}, seconds=90)
    assert again["replayed"]
    assert again["result"] == first["result"]


def test_what_was_answered_to_a_key_is_told_to_the_caller_who_made_it_and_to_nobody_else(database):
    (answer,) = run(database, {**create(), "key": "k", "view": True})
    reading = FakeReading(database.unit)
    told = dump_answer("dispatch.get_answer", queries.get_answer(reading, ACTOR, "k"))
    assert told["result"]["incident_id"] == answer["result"]["incident_id"]
    assert "incident" not in told["result"]
    assert not queries.get_answer(reading, ACTOR, "other")["known"]
    assert not queries.get_answer(reading, Actor("dev", "another", ("ops",)), "k")["known"]
