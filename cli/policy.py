"""`wangge policy`: the SLA policies in force, and new versions of them."""

from __future__ import annotations

import json
import sys

import click


@click.group()
def policy() -> None:
    """时效规则 / SLA policies: targets per stage, warnings, stamp rules; every version is kept."""


@policy.command(name="list", epilog="Example:\n\n  wangge policy list > policies.json")
@click.option("--instance", default="default", show_default=True, metavar="NAME", help="Which local stack.")
def list_policies(instance: str) -> None:
    """列出各版本 / every version of every policy, as JSON."""
    from cli.api import ApiError, connect, get

    try:
        with connect(instance) as client:
            click.echo(json.dumps(get(client, "/v1/policies"), ensure_ascii=False, indent=1))
    except ApiError as error:
        click.echo(str(error), err=True)
        sys.exit(2)


@policy.command(
    epilog="Example: one town runs stricter clocks (rules as `wangge policy list` shows them)\n\n"
    '  {"115-east": {"match": [{"sources": ["police"], "prefixes": ["999999001"]}],\n\n'
    '    "targets": {"push": 30, "assign": 30, "arrive": 240}, "answer_seconds": 20}}\n\n'
    "  wangge policy put east.json"
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, resolve_path=True))
@click.option("--instance", default="default", show_default=True, metavar="NAME", help="Which local stack.")
def put(file: str, instance: str) -> None:
    """新版本生效 / put new versions of policies in force, all of FILE or none; open incidents keep theirs."""
    from cli.stack.admin import run_admin

    sys.exit(run_admin(instance, "dispatch", "policy-put", file))
