"""The two roles of a service's database: one owns the tables and changes them, the other works with what is in them.

What a service runs as owns nothing, so that row level security holds for it and it cannot lift it.
"""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

_RIGHTS = sql.SQL("SELECT, INSERT, UPDATE, DELETE")


def service_role(owner: str) -> str:
    """The name of the role that the service runs as."""
    return f"{owner}_service"


def ensure_role(server: Connection, name: str, password: str) -> None:
    """Make a login role, or give the one that is there this password."""
    with server.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,))
        verb = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}" if cursor.fetchone() else "CREATE ROLE {} LOGIN PASSWORD {}")
        cursor.execute(verb.format(sql.Identifier(name), sql.Literal(password)))


def let_work(database: Connection, name: str, owner: str) -> None:
    """Let the service's role read and write every table that `owner` has in database `name`, or will make there."""
    role, owned_by = sql.Identifier(service_role(owner)), sql.Identifier(owner)
    with database.cursor() as cursor:
        cursor.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(name), role))
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role))
        cursor.execute(sql.SQL("GRANT {} ON ALL TABLES IN SCHEMA public TO {}").format(_RIGHTS, role))
        default = "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public GRANT {} ON TABLES TO {}"
        cursor.execute(sql.SQL(default).format(owned_by, _RIGHTS, role))
