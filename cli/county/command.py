"""`wangge county`: make a county, import one, tell it again, make a day of calls."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cli.lazy import LazyGroup

COMMANDS = {"make": "cli.county.make:make", "day": "cli.county.day.command:day", "fit": "cli.county.day.command:fit"}


# What a person needs to write the files; docs/county-files.md has the rules and examples.
FILES = """Files of FOLDER, UTF-8, each optional:

\b
grids.geojson  FeatureCollection in WGS 84; properties code, parent_code, level, kind,
               name_zh, name_en, [households], [retired]; a micro-grid has a Polygon or
               MultiPolygon, above it null is the union of the children
centres.csv    code,name_zh,name_en,kind,grid_code,lat,lon,always_open,opens,closes[,retired]
posts.csv      post_id,grid_code,role,a_holder,b_holder,a_absent[,retired]
teams.csv      call_sign,name_zh,name_en,kind,centre_code,skills,capacity,members,
               base_lat,base_lon,always_on,in_service,shifts

Codes extend their parent's: 6, 9, 12, 15, 17 digits. Holders and members are opaque
references such as staff-000123, never names.
"""

_instance = click.option("--instance", default="default", show_default=True, metavar="NAME", help="Which local stack.")


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def county() -> None:
    """县域数据：生成、导入、一天的警情 / a county's data: make, import, a day of calls."""


@county.command(
    "import",
    epilog="Examples:\n\n  wangge county make out/county --demo && wangge county import out/county\n\n"
    "  wangge county import mine --partial       leave faulty rows out, take the rest\n\n" + FILES,
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--partial", is_flag=True, help="Import the sound records of the tree even when others are refused.")
@click.option("--teams", "teams_only", is_flag=True, help="Only teams.csv, where the registry has the rest already.")
@_instance
def import_(folder: Path, instance: str, *, partial: bool, teams_only: bool) -> None:
    """导入网格、中心、岗位与队伍 / import grids.geojson, centres.csv, posts.csv and teams.csv of a folder.

    What the registry refuses is reported row by row; importing the same folder again changes nothing.
    """
    from cli.api import ApiError
    from cli.county.load import load_teams
    from cli.replay.feed import FeedBrokenError
    from cli.stack.admin import run_admin

    tree = ("import", str(folder), *(("--partial",) if partial else ()))
    if not teams_only and (code := run_admin(instance, "registry", *tree)):
        sys.exit(code)
    try:
        refused = load_teams(folder / "teams.csv", instance)
    except (ApiError, FeedBrokenError, TimeoutError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    sys.exit(1 if refused else 0)


@county.command(
    epilog="Example:\n\n  wangge county announce     after a new service, or a rebuilt one, joined the stack"
)
@_instance
def announce(instance: str) -> None:
    """重新通告现行的网格、中心与岗位 / tell every grid, centre and post again, as they stand now.

    For a consumer that was declared after the import: it catches up. The others ignore what is not newer, so telling
    twice changes nothing.
    """
    from cli.stack.admin import run_admin

    sys.exit(run_admin(instance, "registry", "announce"))
