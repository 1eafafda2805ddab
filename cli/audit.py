"""`wangge audit`: is the record still what was written?"""

from __future__ import annotations

import sys

import click


@click.group()
def audit() -> None:
    """审计链校验 / check the append-only record."""


@audit.command(
    epilog="Examples:\n\n  wangge audit verify\n\n  wangge audit verify --incident 0190f0c5-…\n\n"
    "Exit code: 0 unbroken, 1 broken."
)
@click.option("--incident", metavar="ID", help="Only this incident; default: all.")
@click.option("--instance", default="default", show_default=True, metavar="NAME", help="Which local stack.")
def verify(incident: str | None, instance: str) -> None:
    """校验事件时间线的哈希链 / verify the hash chain of every incident's timeline."""
    from cli.stack.admin import run_admin

    chosen = () if incident is None else ("--incident", incident)
    sys.exit(run_admin(instance, "dispatch", "audit-verify", *chosen))
