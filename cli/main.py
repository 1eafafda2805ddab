"""The `wangge` command: one index of what it can do; every command lives in a module of its own."""

from __future__ import annotations

import sys

import click

from cli.lazy import LazyGroup

COMMANDS = {
    "up": "cli.stack.commands:up",
    "down": "cli.stack.commands:down",
    "status": "cli.stack.commands:status",
    "logs": "cli.stack.commands:logs",
    "run": "cli.run:run",
    "replay": "cli.replay.command:replay",
    "board": "cli.board.command:board",
    "events": "cli.events:events",
    "sla": "cli.sla:sla",
    "county": "cli.county.command:county",
    "dead-letters": "cli.dead_letters:dead_letters",
    "audit": "cli.audit:audit",
    "policy": "cli.policy:policy",
    "drill": "cli.drill.command:drill",
    "accounts": "cli.accounts.command:accounts",
    "consumers": "cli.consumers:consumers",
}

EPILOG = """Examples:

  wangge up              start everything on this machine, wait until ready

  wangge run             up, a demo county, a day of calls played live, the board

  wangge replay calls.csv --speed max
"""


@click.group(
    cls=LazyGroup, commands_at=COMMANDS, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
def cli() -> None:
    """网格 · Wangge: incidents of a county to the right people in time, proven.

    每条命令都有 --help · every command has --help with examples.
    """


def main() -> None:
    """Entry point: refusals that a person can act on become one message and an exit code, not a stack trace."""
    from cli.stack.packages import StackError

    try:
        cli()
    except StackError as refusal:
        click.echo(str(refusal), err=True)
        sys.exit(refusal.exit_code)


if __name__ == "__main__":
    main()
