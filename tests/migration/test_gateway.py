import os
import subprocess
import sys

import psycopg2
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from chassis.migrations import configuration
from gateway.accounts.tables import metadata
from gateway.admin import MIGRATIONS, migrate

pytestmark = pytest.mark.integration


def ours(_object, name, kind, reflected, _compare_to):
    return not (kind == "table" and reflected and name == "alembic_version")


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(new_database):
    url = new_database("gateway", role="gateway")
    migrate(url)
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert differences == []


def test_there_is_one_head():
    config = configuration(MIGRATIONS, "postgresql://nowhere")
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_several_processes_may_migrate_at_once(new_database):
    url = new_database("gateway", role="gateway")
    command = [sys.executable, "-m", "gateway.admin", "migrate"]
    environment = os.environ | {"DATABASE_URL": url}
    running = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(2)]
    outcomes = [(process.communicate(timeout=60)[1].decode()[-500:], process.returncode) for process in running]
    assert [status for _, status in outcomes] == [0, 0], outcomes


def test_the_audit_is_only_added_to(new_database):
    url = new_database("gateway", role="gateway")
    migrate(url)
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO audit (by, action, subject) VALUES ('a', 'b', 'c')")
            connection.commit()
            for statement in ("UPDATE audit SET by = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
                with pytest.raises(psycopg2.errors.RaiseException, match="only added to"):
                    cursor.execute(statement)
                connection.rollback()
    finally:
        connection.close()
