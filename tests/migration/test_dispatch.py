"""The dispatch schema: from nothing to head, one head, equal to the tables the code uses."""

import json
import os
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from chassis.migrations import configuration
from services.dispatch.adapters.tables import metadata
from services.dispatch.bootstrap import MIGRATIONS, migrate
from services.dispatch.domain.policy import PolicyBook, SlaPolicy, built_in_rules

pytestmark = pytest.mark.integration


@pytest.fixture
def database(new_database):
    """URL of an empty database of dispatch's own role, as in production: no superuser."""
    return new_database("dispatch", role="dispatch")


@pytest.fixture
def engine(database):
    engine = create_engine(database, poolclass=NullPool)
    yield engine
    engine.dispose()


def test_there_is_one_head_and_the_numbers_have_no_gap():
    script = ScriptDirectory.from_config(configuration(MIGRATIONS, "postgresql://nowhere"))
    revisions = sorted(each.revision for each in script.walk_revisions())
    assert script.get_heads() == [revisions[-1]]
    assert revisions == [f"{number:04}" for number in range(1, len(revisions) + 1)]


def test_an_empty_database_is_brought_to_the_schema_that_the_code_uses(database, engine):
    migrate(database)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_upgrading_twice_changes_nothing(database, engine):
    migrate(database)
    before = inspect(engine).get_table_names()
    migrate(database)
    assert inspect(engine).get_table_names() == before


def test_two_processes_may_upgrade_at_the_same_time(database, engine):
    # One after the other by the advisory lock; without it the second fails on a table that exists.
    command = [sys.executable, "-m", "services.dispatch.entrypoints.admin", "migrate"]
    environment = {**os.environ, "DATABASE_URL": database}
    running = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [each.wait(60) for each in running] == [0, 0]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM read_model")).scalar_one() == 1


def test_the_built_in_policies_are_seeded_as_the_domain_ships_them(database, engine):
    migrate(database)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT policy_id, version, valid_from, rules FROM sla_policy")).all()
    book = PolicyBook(SlaPolicy.from_rules(*row) for row in rows)
    assert {row.policy_id: row.rules for row in rows} == built_in_rules()
    assert book.get("115", 1).targets == {"push": 60, "assign": 60, "arrive": 300}


def test_the_seed_is_a_copy_so_that_editing_the_domains_file_needs_a_new_version():
    seeded = json.loads((MIGRATIONS / "versions" / "0003_built_in_policies.json").read_text(encoding="utf-8"))
    assert seeded == built_in_rules(), "add a migration with version 2 instead of editing version 1"
