"""Commands of several callers in one transaction: each as if it had come alone."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event, Semaphore

import pytest
import sqlalchemy as sa

from chassis.actor import Actor
from chassis.nameko.problems import problem_of
from contracts import envelope
from services.dispatch.adapters.nearby import MOST
from services.dispatch.application import queries
from services.dispatch.application.execute import execute_together
from services.dispatch.application.ports import Request
from services.dispatch.bootstrap import KEPT_FOR_COMMANDS
from tests.integration.dispatch.county import DEV, IN_EAST, IN_WEST, call_for_help, command

pytestmark = pytest.mark.integration
OTHER = replace(DEV, subject="other", client="other-token")
TRACES = [f"00-{n:032x}-{n:016x}-01" for n in (1, 2)]


@pytest.fixture
def together(dispatch):
    """`together(request, …)`: the answers to each request, all in one transaction."""

    def asked(*requests):
        return execute_together(requests, dispatch.transactions, lambda error: problem_of(error, "execute"))

    return asked


def test_each_caller_has_its_own_answers_keys_and_record(together, rows):
    same_key = [command("incident.create", key="k", data=call_for_help(f"n-joined-{n}"), view=True) for n in (1, 2)]
    answers = together(Request(same_key[:1], DEV), Request(same_key[1:], OTHER), Request([], DEV))
    assert [len(each) for each in answers] == [1, 1, 0]
    numbers = [each[0]["result"]["incident"]["reference"]["number"] for each in answers[:2]]
    assert numbers == ["n-joined-1", "n-joined-2"]
    assert rows("SELECT client, key FROM idempotency ORDER BY client") == sorted(
        [(DEV.client, "k"), ("other-token", "k")]
    )
    assert rows('SELECT DISTINCT "by" FROM timeline ORDER BY 1') == sorted([(DEV.subject,), ("other",)])
    assert rows("SELECT count(DISTINCT xmin::text) FROM incident") == [(1,)]


def test_each_event_belongs_to_the_trace_of_its_own_command(together, rows):
    requests = [
        Request([command("incident.create", data=call_for_help(f"n-trace-{n}", push=True), view=n == 0)], DEV, trace)
        for n, trace in enumerate(TRACES)
    ]
    answers = together(*requests)
    for (answer,), trace in zip(answers, TRACES, strict=True):
        found = rows("SELECT traceparent, body FROM outbox WHERE order_key = :id", id=answer["result"]["incident_id"])
        assert {row.traceparent for row in found} == {trace}
        assert {envelope.load(bytes(row.body)).traceparent for row in found} == {trace}


def test_one_outside_its_jurisdiction_is_refused_and_its_neighbour_is_not(together, incident):
    here, there = incident(location=IN_WEST), incident(location=IN_EAST)
    limited = Actor("p-0002", "desk", ("dispatcher",), ("999999002",))
    note = [command("incident.note", incident=each, data={"note": "备注"}) for each in (here, there)]
    (own,), (others,) = together(Request(note[:1], DEV), Request(note[1:], limited))
    assert own["ok"]
    assert others["problem"]["code"] == "unknown_incident"


def test_a_hundred_callers_at_once_each_get_their_own_answer_in_fewer_transactions(dispatch, rows):
    def ask(number):
        return dispatch.execute([command("incident.create", data=call_for_help(f"n-many-{number}"), view=True)], DEV)[0]

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(100)))
    told = [answer["result"]["incident"]["reference"]["number"] for answer in answers]
    assert told == [f"n-many-{number}" for number in range(100)]
    ((transactions,),) = rows("SELECT count(DISTINCT xmin::text) FROM incident")
    assert transactions < 100


def test_a_call_for_help_does_not_wait_for_an_incident_that_somebody_else_holds(dispatch, incident, engine):
    held = incident()

    def note(number):
        return dispatch.execute([command("incident.note", incident=held, data={"note": f"备注{number}"})], DEV)[0]

    with ThreadPoolExecutor(6) as pool, engine.connect() as other, other.begin():
        other.execute(sa.text("SELECT FROM incident WHERE incident_id = :id FOR UPDATE"), {"id": held})
        waiting = [pool.submit(note, number) for number in range(6)]
        calls = [command("incident.create", data=call_for_help()) for _ in range(2)]
        assert [answer["ok"] for answer in dispatch.execute(calls, DEV)] == [True, True]
        assert not any(each.done() for each in waiting)
    assert all(each.result(20)["ok"] for each in waiting)


def test_a_view_shows_its_own_moment_although_others_follow_in_the_same_transaction(together, incident, rows):
    number = incident()
    notes = [command("incident.note", incident=number, data={"note": "备注"}, view=True) for _ in range(3)]
    answers = together(*(Request([each], DEV) for each in notes))
    shown = [each[0]["result"]["incident"] for each in answers]
    assert [each["version"] for each in shown] == [2, 3, 4]
    chain = rows("SELECT hash FROM timeline ORDER BY seq")[1:]
    assert [each["chain"] for each in shown] == [bytes(row.hash).hex() for row in chain]


def test_the_duplicates_of_a_root_are_shown_whoever_merged_them_in(together, do, incident):
    root, first, second = incident(), incident(), incident()
    do("incident.merge", incident=first, data={"into": root})
    merge = command("incident.merge", incident=second, data={"into": root})
    note = command("incident.note", incident=root, data={"note": "备注"}, view=True)
    back = command("incident.unmerge", incident=first)
    again = command("incident.note", incident=root, data={"note": "备注"}, view=True)
    answers = together(*(Request([each], DEV) for each in (merge, note, back, again)))
    assert answers[1][0]["result"]["incident"]["duplicates"] == sorted([first, second])
    assert answers[3][0]["result"]["incident"]["duplicates"] == [second]


def test_likely_duplicates_are_found_among_stored_ones_and_those_of_the_same_batch(together, incident):
    stored = incident(location=IN_WEST)
    batch = [command("incident.create", data=call_for_help(f"n-near-{n}", location=IN_WEST)) for n in range(2)]
    (first,), (second,) = together(*(Request([each], DEV) for each in batch))
    assert [each["incident_id"] for each in first["result"]["likely_duplicates"]] == [stored]
    assert {each["incident_id"] for each in second["result"]["likely_duplicates"]} == {
        stored, first["result"]["incident_id"],
    }  # fmt: skip


def test_the_incident_that_others_stand_under_is_the_first_to_be_found_among_hundreds_of_reports(
    together, do, incident, dispatch
):
    began = datetime.now(UTC) - timedelta(minutes=10)
    root, first = (incident(location=IN_WEST, occurred_at=began + timedelta(seconds=n)) for n in range(2))
    do("incident.merge", incident=first, data={"into": root})
    # More than are looked at, and every one nearer in time than the root.
    reports = [command("incident.create", data=call_for_help(f"n-{n}", location=IN_WEST)) for n in range(MOST + 10)]
    assert all(answer["ok"] for answer in dispatch.execute(reports, DEV))
    alike = dispatch.ask(queries.likely_duplicates, DEV, {"category": "medical", "location": IN_WEST})
    shown = [(each["incident_id"], each["primary"]) for each in alike["likely_duplicates"]]
    assert shown[0] == (root, True)
    assert not any(primary for _, primary in shown[1:])
    # In one transaction with its merge as well.
    other, call = incident(location=IN_WEST), command("incident.create", data=call_for_help("n-x", location=IN_WEST))
    merge = command("incident.merge", incident=root, data={"into": other})
    _, [taken] = together(Request([merge], DEV), Request([call], DEV))
    assert taken["result"]["likely_duplicates"][0]["incident_id"] == other


def test_likely_duplicates_are_read_from_the_small_indexes(engine, dispatch):
    with engine.connect() as connection:
        names = connection.execute(
            sa.text("SELECT indexname FROM pg_indexes WHERE tablename = 'incident' AND indexname LIKE 'incident_live%'")
        ).scalars()
        assert set(names) == {"incident_live_by_grid", "incident_live_by_place"}


def test_slow_reports_leave_connections_to_commands(dispatch, engine, incident):
    number, gate, begun = incident(), Event(), Semaphore(0)

    def slow(_reading, _actor):
        begun.release()
        gate.wait(20)
        return {}

    places = engine.pool.size() - KEPT_FOR_COMMANDS
    with ThreadPoolExecutor(places + 2) as pool:
        reports = [pool.submit(dispatch.ask, slow, DEV) for _ in range(places + 2)]
        for _ in range(places):
            assert begun.acquire(timeout=10)
        note = command("incident.note", incident=number, data={"note": "备注"})
        assert dispatch.execute([note], DEV)[0]["ok"]
        assert not begun.acquire(blocking=False)
        gate.set()
        assert [each.result(20) for each in reports] == [{}] * (places + 2)
