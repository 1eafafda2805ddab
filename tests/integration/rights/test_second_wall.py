"""Row level security: what the database itself refuses, also where the code forgot to ask."""

from __future__ import annotations

import psycopg2
import pytest
import sqlalchemy as sa
from psycopg2 import errors

from chassis import settings as chassis_settings
from chassis.database import create_engine, in_transaction
from chassis.scope import COUNTY, scope_of
from chassis.vault import DEVELOPMENT_MASTER_KEY
from services.dispatch import bootstrap
from services.dispatch.application.access import wall_of
from services.dispatch.application.ports import Filters, Sight, Wall
from services.dispatch.settings import Settings
from tests.integration.rights.county import CREW, HERE, RESIDENT, THERE, caller
from tests.support.callers import person

pytestmark = pytest.mark.integration
FORGOTTEN = Filters(sight=Sight(everywhere=True), exercise="include")


@pytest.fixture(scope="module")
def pair(county):
    return county.pair()


@pytest.fixture(scope="module")
def service_url(new_database, dispatch_url):
    return new_database.as_service(dispatch_url)


@pytest.fixture(scope="module")
def engine(service_url):
    made = create_engine(service_url, name="wall-tests", pool_size=4)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def dispatch(engine, service_url):
    told = {
        "DATABASE_URL": service_url, "AMQP_URL": "amqp://nobody@127.0.0.1:1/", "WANGGE_HEALTH_PORT": "0",
        "WANGGE_MASTER_KEY": DEVELOPMENT_MASTER_KEY,
    }  # fmt: skip
    return bootstrap.build(chassis_settings.load(Settings, told), engine)


@pytest.fixture
def within(engine):
    """`within(scope, sql)`: what one transaction of that scope finds, or how many rows it changed."""

    def run(scope, statement):
        def work(connection):
            result = connection.exec_driver_sql(statement)
            return result.scalar() if result.returns_rows else result.rowcount

        return in_transaction(engine, work, scope=scope)

    return run


def count(table):
    return f"SELECT count(*) FROM {table}"


@pytest.mark.parametrize("table", ["incident", "contact", "grid_node", "centre", "denial"])
def test_a_transaction_that_has_not_said_its_scope_sees_nothing(pair, within, table):
    assert within(None, count(table)) == 0


def test_a_connection_that_was_used_with_a_scope_has_none_left_afterwards(pair, within):
    assert within(COUNTY, count("incident")) == 2
    for _ in range(5):
        assert within(None, count("incident")) == 0


def test_a_scope_shows_its_own_incidents_and_what_belongs_to_them(pair, within):
    for town in (HERE, THERE):
        assert within(town, "SELECT string_agg(incident_id::text, ',') FROM incident") == pair[town].id
        assert within(town, "SELECT string_agg(incident_id::text, ',') FROM contact") == pair[town].id
    assert within(f"{HERE},{THERE}", count("incident")) == within(COUNTY, count("contact")) == 2
    assert within(scope_of(("%", "9_9", "'; DROP TABLE incident; --", "九")), count("incident")) == 0


def test_what_is_outside_is_neither_changed_nor_made_nor_moved_away(pair, within):
    assert within(HERE, f"UPDATE incident SET summary = 'x' WHERE incident_id = '{pair[THERE].id}'") == 0
    assert within(HERE, f"DELETE FROM contact WHERE incident_id = '{pair[THERE].id}'") == 0
    with pytest.raises(sa.exc.ProgrammingError) as refused:
        within(HERE, f"UPDATE incident SET jurisdiction = '{THERE}' WHERE incident_id = '{pair[HERE].id}'")
    assert isinstance(refused.value.orig, errors.InsufficientPrivilege)


def test_a_question_that_forgot_whom_it_is_for_is_kept_inside_all_the_same(dispatch, pair):
    def ids(wall):
        return {str(each.id) for each in dispatch.looks(lambda look: look.page(FORGOTTEN, 50, None), wall).incidents}

    assert ids(Wall(prefixes=("",))) == {pair[HERE].id, pair[THERE].id}
    assert ids(Wall(prefixes=(HERE,))) == {pair[HERE].id}
    assert ids(Wall()) == set()
    for role in ("dispatcher", "team_member", "mediator", "resident", "auditor"):
        assert ids(wall_of(caller(role))) == {pair[HERE].id}
    assert ids(Wall(serves=CREW)) == ids(Wall(reporter=RESIDENT)) == {pair[HERE].id}
    assert ids(Wall(serves="nobody")) == ids(Wall(reporter="'; --")) == ids(wall_of(person("registrar"))) == set()


def test_the_wall_stands_for_the_owner_of_the_tables_too_once_a_scope_is_said(county, pair):
    for wall, seen in ((Wall(prefixes=(HERE,)), {pair[HERE].id}), (Wall(), set())):
        page = county.dispatch.looks(lambda look: look.page(FORGOTTEN, 50, None), wall)
        assert {str(each.id) for each in page.incidents} == seen


def test_figures_that_forgot_whom_they_are_for_count_nothing_outside(dispatch, pair):
    def counted(wall):
        (group,) = dispatch.looks(lambda look: look.figures("total", FORGOTTEN), wall)
        return group.incidents

    assert [counted(Wall(prefixes=each)) for each in (("",), (HERE,), (f"{HERE}9",), ())] == [2, 1, 0, 0]


def test_what_the_wall_hides_is_still_put_on_the_record_as_denied(dispatch, county, pair):
    from services.dispatch.application import queries
    from services.dispatch.domain.errors import NotFound

    before = county.rows(count("denial"))[0][0]
    with pytest.raises(NotFound):
        dispatch.ask(queries.get_incident, person("dispatcher", at=(HERE,)), pair[THERE].id)
    with pytest.raises(NotFound):
        dispatch.ask(queries.get_incident, person("dispatcher", at=(HERE,)), "police110:none")
    ((about,),) = county.rows("SELECT about FROM denial ORDER BY recorded_at DESC LIMIT 1")
    assert (county.rows(count("denial"))[0][0], about) == (before + 1, pair[THERE].id)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE incident DISABLE ROW LEVEL SECURITY", "ALTER TABLE incident NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY scope ON incident", "ALTER TABLE denial DISABLE TRIGGER ALL", "TRUNCATE denial",
        "SET session_replication_role = replica", "CREATE TABLE mine (x int)",
    ],
)  # fmt: skip
def test_the_role_of_the_service_cannot_take_the_wall_down(service_url, statement):
    connection = psycopg2.connect(service_url)
    try:
        with pytest.raises(errors.InsufficientPrivilege):
            connection.cursor().execute(statement)
    finally:
        connection.close()


def test_every_table_with_a_grid_code_has_a_policy_that_holds_for_its_owner_too(county):
    tables = county.rows(
        """
        SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
               EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*' AND p.polpermissive
                       AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT a.attisdropped
          AND (a.attname IN ('jurisdiction', 'grid_code') OR (c.relname, a.attname) = ('grid_node', 'code'))
        GROUP BY c.oid
        """
    )
    assert {name for name, *_ in tables} == {"incident", "grid_node", "centre", "post", "denial"}
    assert [name for name, forced, policy in tables if not (forced and policy)] == []
