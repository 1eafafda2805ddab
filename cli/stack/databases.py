"""One database and two login roles per service; safe to run again, also with other passwords than the last time."""

from __future__ import annotations

import os
import sys

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from cli.stack.database_roles import ensure_role, let_work, service_role
from cli.stack.instance import Instance
from cli.stack.packages import StackError
from cli.stack.parts import Service
from cli.stack.plan import Plan, read_plan
from cli.stack.postgres import with_database


def prepare(plan: Plan) -> None:
    """Make what is missing. Raises psycopg2.Error when the server refuses (DATABASE_URL must be an administrator's)."""
    server = _connect(plan.database_admin_url)
    try:
        for service in plan.parts.services:
            _prepare_one(server, plan, service)
    finally:
        server.close()


def _prepare_one(server: Connection, plan: Plan, service: Service) -> None:
    name = plan.database_name(service.name)
    role = sql.Identifier(name)
    ensure_role(server, name, plan.secrets[f"postgres.{service.name}"])
    ensure_role(server, service_role(name), plan.secrets[f"postgres.{service.name}_service"])
    with server.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
            # Each service's data is its own: nobody else's role may even connect.
            cursor.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(role))
    _furnish(with_database(plan.database_admin_url, name), name, service)


def _furnish(url: str, name: str, service: Service) -> None:
    database = _connect(url)
    try:
        with database.cursor() as cursor:
            for extension in service.extensions:
                cursor.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))
        let_work(database, name, owner=name)
    finally:
        database.close()


def _connect(url: str) -> Connection:
    connection = psycopg2.connect(url, connect_timeout=10)
    connection.autocommit = True
    return connection


def main() -> int:
    """Started by the supervisor, which names the instance in the environment."""
    plan = read_plan(Instance.named(os.environ["WANGGE_INSTANCE"]))
    if plan is None:
        raise StackError("there is no plan: `wangge up` makes it")
    prepare(plan)
    return 0


if __name__ == "__main__":
    sys.exit(main())
