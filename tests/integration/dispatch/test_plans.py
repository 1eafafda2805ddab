"""Which way a question takes to its rows: never by all that was ever stored, however few there are now."""

import json
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from tests.bench.bed import Bed
from tests.bench.growth.bench import Office

pytestmark = pytest.mark.integration
BIG = {"incident", "assignment", "timeline", "breach"}


@pytest.fixture(scope="module")
def office(new_database, new_vhost, tmp_path_factory):
    """Two thousand incidents, nearly all of them long archived."""
    with ExitStack() as ending:
        office = Office(Bed(new_database, new_vhost, tmp_path_factory.mktemp("plans")), ending, 2000)
        office.live("incident.create", 1)
        yield office


def plans_of(office, ask):
    """The plans of a question's statements over the big tables, made without reading a whole table if it can be.

    One that is prepared is explained as it is executed, with its name's text for what it reads.
    """
    asked = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        reads = BIG & set(statement.split())
        last = statement.rpartition(";\n")[2].lstrip()
        if reads and last.startswith(("SELECT", "WITH", "EXECUTE")):
            asked.append((last, parameters))

    # So that each prepared statement is seen with its text.
    office.engine.dispose()
    sa.event.listen(office.engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        sa.event.remove(office.engine, "before_cursor_execute", note)
    with office.engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")
        connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
        return [
            connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()[0][
                "Plan"
            ]
            for statement, parameters in asked
        ]


def nodes(plan):
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


@pytest.mark.parametrize(
    "question",
    [
        "open of a town", "newest of a town", "newest of a team", "of a team never sent", "board", "likely duplicates",
        "sla of the last two days", "sla by team", "sla of a town", "breaches of two days", "incident with timeline",
        "of three states in a town", "missed in two days", "in part",
    ],
)  # fmt: skip
def test_no_question_reads_a_whole_table(office, question):
    plans = plans_of(office, office.questions()[question])
    assert plans
    read = {node["Relation Name"] for plan in plans for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
    assert not read & BIG, json.dumps(plans)


def indexes_used(plans, table):
    names = {node.get("Index Name", "") for plan in plans for node in nodes(plan)}
    return {name for name in names if name.startswith(table)}


def test_the_incidents_of_a_team_that_was_never_sent_are_known_from_its_assignments(office):
    plans = plans_of(office, office.questions()["of a team never sent"])
    assert "assignment_by_team" in indexes_used(plans, "assignment")


def test_breaches_of_a_span_are_found_through_its_incidents(office):
    with office.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM breach")).scalar_one() > 100
    assert indexes_used(plans_of(office, office.questions()["breaches of two days"]), "breach") == {"breach_pkey"}
