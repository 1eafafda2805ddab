"""`wangge county`: make a county, import one, make a day of its calls."""

from __future__ import annotations

import click

from cli.lazy import LazyGroup

COMMANDS = {
    "make": "cli.county.make:make",
    "import": "cli.county.load:import_county",
    "day": "cli.county.day.command:day",
    "fit": "cli.county.day.command:fit",
}

EPILOG = """Examples:

  wangge county make ./county --demo

  wangge county import ./county

  wangge county day --out day.csv
"""


@click.group(cls=LazyGroup, commands_at=COMMANDS, epilog=EPILOG)
def county() -> None:
    """县域数据 / a county: its grid tree, centres, posts and teams; and its days of calls."""
