import os
import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects.postgresql.base import ischema_names

from chassis.migrations import configuration
from services.registry import bootstrap
from services.registry.adapters.geometry_type import BoundaryType
from services.registry.adapters.tables import metadata

pytestmark = pytest.mark.integration


class ReflectedGeometry(BoundaryType):
    """What SQLAlchemy makes of geometry(MultiPolygon,4326) when it reads a table."""

    def __init__(self, *arguments):
        super().__init__()


@pytest.fixture
def geometry_is_known(monkeypatch):
    monkeypatch.setitem(ischema_names, "geometry", ReflectedGeometry)


def ours(_object, name, kind, reflected, _compare_to):
    # PostGIS brings a table of its own.
    return not (kind == "table" and reflected and name in ("spatial_ref_sys", "alembic_version"))


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(new_database, geometry_is_known):
    url = new_database("registry", role="registry", extensions=["postgis"])
    bootstrap.migrate(url)
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert differences == []


def test_there_is_one_head():
    config = configuration(bootstrap.MIGRATIONS, "postgresql://nowhere")
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_several_processes_may_migrate_at_once(new_database):
    url = new_database("registry", role="registry", extensions=["postgis"])
    command = [sys.executable, "-m", "services.registry.entrypoints.admin", "migrate"]
    environment = os.environ | {"DATABASE_URL": url}
    running = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(2)]
    outcomes = [(process.communicate(timeout=60)[1].decode()[-500:], process.returncode) for process in running]
    assert [status for _, status in outcomes] == [0, 0], outcomes
