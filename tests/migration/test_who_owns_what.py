"""A server on which somebody made two roles a service and no more: after the migrations the second can work."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege

from cli.stack.database_roles import ensure_role, service_role
from cli.stack.postgres import with_database
from gateway.admin import migrate as migrate_gateway
from services.dispatch.bootstrap import migrate as migrate_dispatch
from services.registry.bootstrap import migrate as migrate_registry
from tests.support.databases import DatabaseFactory

pytestmark = pytest.mark.integration

PASSWORD = "of-the-worker"
SERVICES = {
    "registry": (migrate_registry, ("postgis",), "tree_state"),
    "dispatch": (migrate_dispatch, (), "incident"),
    "gateway": (migrate_gateway, (), "account"),
}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_the_role_of_a_service_works_with_every_table_and_owns_none(new_database: DatabaseFactory, name: str) -> None:
    migrate: Callable[[str], None]
    migrate, extensions, table = SERVICES[name]
    url = new_database(name, role=name, extensions=extensions)
    owner = url.split("//")[1].partition(":")[0]
    with closing(psycopg2.connect(new_database.admin_url)) as server:
        server.autocommit = True
        ensure_role(server, service_role(owner), PASSWORD)
    migrate(url)
    worker = with_database(url, url.rpartition("/")[2], user=service_role(owner), password=PASSWORD)
    with closing(psycopg2.connect(worker)) as own:
        cursor = own.cursor()
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner <> 'wangge_admin' AND NOT"
            " has_table_privilege(format('%I', tablename)::regclass, 'SELECT, INSERT, UPDATE, DELETE')"
        )
        assert cursor.fetchall() == []
        cursor.execute(f"SELECT count(*) FROM {table}")
        with pytest.raises(InsufficientPrivilege):
            cursor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
