"""`wangge county`: make a county, import one, make a day of calls."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cli.lazy import LazyGroup

COMMANDS = {"make": "cli.county.make:make", "day": "cli.county.day.command:day", "fit": "cli.county.day.command:fit"}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def county() -> None:
    """县域数据：生成、导入、一天的警情 / a county's data: make, import, a day of calls."""


@county.command(
    "import",
    epilog="Examples:\n\n  wangge county make out/county --demo && wangge county import out/county\n\n"
    "  wangge county import mine --partial       leave faulty rows out, take the rest",
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--partial", is_flag=True, help="Import the sound records of the tree even when others are refused.")
@click.option("--instance", default="default", show_default=True, metavar="NAME", help="Which local stack.")
def import_(folder: Path, instance: str, *, partial: bool) -> None:
    """导入网格、中心、岗位与队伍 / import grids.geojson, centres.csv, posts.csv and teams.csv of a folder.

    What the registry refuses is reported row by row; importing the same folder again changes nothing.
    """
    from cli.api import ApiError
    from cli.county.load import load_teams
    from cli.replay.feed import FeedBrokenError
    from cli.stack.admin import run_admin

    if code := run_admin(instance, "registry", "import", str(folder), *(("--partial",) if partial else ())):
        sys.exit(code)
    try:
        refused = load_teams(folder / "teams.csv", instance)
    except (ApiError, FeedBrokenError, TimeoutError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    sys.exit(1 if refused else 0)
