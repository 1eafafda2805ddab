"""The accounts' database of a local stack, or the one that the environment names (in a gateway's own container)."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

instance_option = click.option(
    "--instance", default=None, metavar="NAME",
    help="Which local stack; without it DATABASE_URL where that is set, else `default`.",
)  # fmt: skip


def operator() -> str:
    """Who the audit says it was: WANGGE_OPERATOR, else the name this person is logged in under."""
    return "cli:" + (os.environ.get("WANGGE_OPERATOR") or getpass.getuser())


def run(instance: str | None, work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """`work(connection, …)` in one transaction; what it refuses becomes a message and exit code 1."""
    from chassis.errors import ServiceError

    with database(instance) as found:
        try:
            return found.now(lambda connection: work(connection, *arguments, **named))
        except ServiceError as refusal:
            raise click.ClickException(f"{refusal.title}: {refusal.detail}") from refusal


@contextmanager
def database(instance: str | None) -> Iterator[Any]:
    """The database, open for a moment."""
    from chassis import logs
    from gateway.accounts.database import IdentityDatabase

    logs.configure("accounts", "warning", instance or "default")
    found = IdentityDatabase(_told(instance, "DATABASE_URL"))
    try:
        yield found
    finally:
        found.stop()


def sealing(instance: str | None) -> Any:
    """The gateway's own secret, for what is kept sealed."""
    from gateway.accounts.sealing import Sealing

    return Sealing(_told(instance, "WANGGE_IDENTITY_KEY"), mode=os.environ.get("WANGGE_MODE", "development"))


def _told(instance: str | None, key: str) -> str:
    if instance is None and os.environ.get("DATABASE_URL"):
        if key not in os.environ:
            raise click.ClickException(f"{key} is not set")
        return os.environ[key]
    from cli.stack.address import address
    from cli.stack.instance import Instance
    from cli.stack.plan import read_plan

    name = instance or "default"
    address(name)
    plan = read_plan(Instance.named(name))
    part = next((each for each in plan.parts.parts if each.name == "gateway"), None) if plan else None
    if plan is None or part is None:
        raise click.ClickException(f"{name}: no gateway")
    return plan.environment(part)[key]


def new_password(login: str, *, from_stdin: bool) -> tuple[str, bool]:
    """A password and whether it was made up here; one that is given comes over standard input, never as an argument."""
    from chassis.errors import ServiceError
    from gateway.accounts.administration import temporary_password
    from gateway.accounts.passwords import check_password

    if not from_stdin:
        return temporary_password(), True
    given = sys.stdin.readline().rstrip("\r\n")
    try:
        check_password(given, login)
    except ServiceError as refusal:
        raise click.ClickException(f"{refusal.title}: {refusal.detail}") from refusal
    return given, False


def tell_once(what: str, secret: str) -> None:
    """A secret that is shown now and never again: on standard output alone, so that it can be piped."""
    click.echo(f"{what}（只显示一次 · shown this once）:", err=True)
    click.echo(secret)
