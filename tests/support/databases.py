"""Databases of one test session: made on demand, dropped at the end."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg2
from psycopg2 import sql

from cli.stack.database_roles import ensure_role, let_work, service_role
from cli.stack.postgres import with_database


@dataclass
class DatabaseFactory:
    """Call it for the URL of a fresh, empty database on the server of `admin_url`.

    `role`: also make a login role (its name is made unique) that owns the database, and give its URL instead of the
    superuser's: what a service sees in production. `extensions` are created by the superuser, as the stack does.
    """

    admin_url: str
    made: dict[str, str | None] = field(default_factory=dict)

    def __call__(self, name: str = "test", *, role: str | None = None, extensions: Sequence[str] = ()) -> str:
        tail = secrets.token_hex(4)
        database, owner = f"{name}_{tail}", None if role is None else f"{role}_{tail}"
        password = secrets.token_hex(8)
        self.made[database] = owner
        if owner is not None:
            create_role = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(owner), sql.Literal(password)
            )
            self._run(create_role)
            self._run(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(owner)))
        else:
            self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        for extension in extensions:
            create = sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension))
            self._run(create, database=database)
        return with_database(self.admin_url, database, user=owner, password=password)

    def as_service(self, url: str) -> str:
        """The URL of a role that works with the tables of `url`'s database and owns none: what a service runs as."""
        name = url.rpartition("/")[2].partition("?")[0]
        owner = self.made[name] or ""
        password = secrets.token_hex(8)
        server = psycopg2.connect(with_database(self.admin_url, name))
        try:
            server.autocommit = True
            ensure_role(server, service_role(owner), password)
            let_work(server, name, owner)
        finally:
            server.close()
        return with_database(self.admin_url, name, user=service_role(owner), password=password)

    def drop_all(self) -> None:
        """Drop what was made, also under open connections."""
        for database, owner in self.made.items():
            self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
            for role in () if owner is None else (service_role(owner), owner):
                self._run(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
        self.made.clear()

    def _run(self, statement: sql.Composable, database: str | None = None) -> None:
        url = self.admin_url if database is None else with_database(self.admin_url, database)
        connection = psycopg2.connect(url)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()


def closed(postgres_url: str, database: str, *, shut: bool) -> None:
    """Let nobody into a database and throw out who is in it; or let them in again."""
    connection = psycopg2.connect(with_database(postgres_url, "postgres"))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
            cursor.execute(allow.format(sql.Identifier(database), sql.SQL("false" if shut else "true")))
            if shut:
                cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (database,))
    finally:
        connection.close()
