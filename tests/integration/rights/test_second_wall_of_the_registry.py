"""Row level security of the registry: the nodes of an area and those above them, its centres and posts; or nothing."""

from __future__ import annotations

import pytest

from chassis.actor import NOBODY
from chassis.database import create_engine, in_transaction
from services.registry import bootstrap
from services.registry.domain.errors import Refusal
from tests.integration.rights.county import HERE, THERE
from tests.support.callers import DEVELOPER, person

pytestmark = pytest.mark.integration
TABLES = {"grid_version": "code", "centre_version": "grid_code", "post_version": "grid_code"}


@pytest.fixture(scope="module")
def engine(new_database, registry_url):
    made = create_engine(new_database.as_service(registry_url), name="wall-tests", pool_size=4)
    yield made
    made.dispose()


@pytest.fixture
def codes(engine):
    """`codes(table, scope)`: the grid codes in a table that a transaction of that scope sees."""

    def found(table, scope):
        def work(connection):
            return {code for (code,) in connection.exec_driver_sql(f"SELECT {TABLES[table]} FROM {table}")}

        return in_transaction(engine, work, scope=scope)

    return found


@pytest.mark.parametrize("table", TABLES)
def test_a_scope_shows_its_own_and_without_one_there_is_nothing(codes, table):
    everything, here = codes(table, "*"), codes(table, HERE)
    assert codes(table, None) == codes(table, "-") == set()
    above = {"999999"} if table == "grid_version" else set()
    assert here == {code for code in everything if code.startswith(HERE)} | above
    assert any(code.startswith(THERE) for code in everything)


def test_every_answer_is_the_same_behind_the_wall(engine):
    answers = bootstrap.answers(engine)
    lead = person("county_lead", at=(HERE,))
    seen = {each["code"] for each in answers.tree(lead)["grids"]}
    assert {HERE, "999999"} <= seen
    assert not any(code.startswith(THERE) for code in seen)
    assert {each["code"] for each in answers.tree(DEVELOPER)["grids"]} > seen
    assert answers.get_grid(lead, "999999")["code"] == "999999"
    with pytest.raises(Refusal) as refused:
        answers.get_grid(lead, THERE)
    assert refused.value.kind == "forbidden"
    with pytest.raises(Refusal):
        answers.tree(NOBODY)


def test_every_table_with_a_grid_code_has_a_policy_that_holds_for_its_owner_too(engine):
    def work(connection):
        return connection.exec_driver_sql(
            """
            SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
                SELECT FROM pg_policy p
                WHERE p.polrelid = c.oid AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL)
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname IN ('code', 'grid_code')
            GROUP BY c.oid
            """
        ).all()

    found = in_transaction(engine, work)
    assert {name for name, _ in found} == TABLES.keys()
    assert all(walled for _, walled in found)
