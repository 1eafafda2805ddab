"""`wangge county import`: the files of a county into a running stack."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import httpx

WAIT_SECONDS = 60
SHOWN = 20

EPILOG = """Examples:

  wangge county import ./county

  wangge county import ./county --partial      take the sound records, leave the faulty out

The folder holds any of these, UTF-8, a byte order mark is accepted (docs/county-files.md shows examples):

\b
  grids.geojson   FeatureCollection in WGS 84; properties code, parent_code, level, kind,
                  name_zh, name_en, [households], [retired]; a micro-grid has a Polygon or
                  MultiPolygon, above it null means the union of the children
  centres.csv     code,name_zh,name_en,kind,grid_code,lat,lon,always_open,opens,closes[,retired]
  posts.csv       post_id,grid_code,role,a_holder,b_holder,a_absent[,retired]
  teams.csv       call_sign,name_zh,name_en,kind,centre_code,skills,capacity,members,
                  base_lat,base_lon,always_on,in_service,shifts

Codes extend their parent's: county 6 digits, town 9, community 12, grid 15, micro-grid 17.
Holders and members are opaque references such as staff-000123, never names.
What a file does not mention stays as it is; the same files again change nothing.
"""


@click.command("import", epilog=EPILOG)
@click.argument("directory", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--instance", default="default", show_default=True, metavar="NAME", help="Which local stack.")
@click.option("--partial", is_flag=True, help="Take the sound records; without it one fault holds back the books.")
def import_county(directory: Path, *, instance: str, partial: bool) -> None:
    """导入县域数据 / import the grid tree, centres, posts and teams of a county from DIR.

    Grids, centres and posts go in together or not at all, with a report of every faulty row; teams follow one by one.
    Exit code: 0 all in, 1 something was refused.
    """
    from cli.api import ApiError, connect
    from cli.county.roster import RosterError
    from cli.replay.feed import FeedBrokenError

    try:
        with connect(instance) as client:
            report = _books(directory, instance, partial=partial)
            _show(report)
            if not report["applied"]:
                sys.exit(1)
            _wait_for_centres(client, directory)
            refused = _teams(client, directory)
    except (ApiError, RosterError, FeedBrokenError) as error:
        raise click.ClickException(str(error)) from error
    sys.exit(1 if refused or report["errors_total"] else 0)


def _books(directory: Path, instance: str, *, partial: bool) -> dict[str, Any]:
    """Grids, centres and posts, through the registry's own command; its report."""
    from cli.stack.instance import CHECKOUT, Instance
    from cli.stack.plan import read_plan

    plan = read_plan(Instance.named(instance))
    part = next((part for part in plan.parts.parts if part.service == "registry"), None) if plan else None
    if plan is None or part is None:
        raise click.ClickException(f"本地服务 {instance} 没有 registry · the stack {instance} has no registry")
    command = [
        sys.executable,
        "-m",
        "services.registry.entrypoints.admin",
        "import",
        str(directory.resolve()),
        "--json",
    ]
    done = subprocess.run(
        command + ["--partial"] * partial, cwd=CHECKOUT, env=plan.environment(part), check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        lines = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise click.ClickException("\n".join(lines) or f"registry: exit code {done.returncode}") from None
    return report


def _show(report: dict[str, Any]) -> None:
    for error in report["errors"][:SHOWN]:
        place = f"{error['file']}:{error['row']}" if error["row"] else error["file"]
        click.echo(f"{place} [{error['field']}] {error['rule']} {error['code'] or ''}", err=True)
        click.echo(f"  {error['message_zh']} · {error['message_en']}", err=True)
    if report["errors_total"] > SHOWN:
        more = report["errors_total"] - SHOWN
        click.echo(f"另有 {more} 处 · and {more} more", err=True)
    for file, count in report["counts"].items():
        click.echo(
            f"{file}: {count['rows']} 条 rows · 新增 new {count['new']} · 变更 changed {count['changed']}"
            f" · 撤销 retired {count['retired']} · 未变 unchanged {count['unchanged']} · 未通过 refused {count['refused']}"
        )
    if not report["applied"]:
        click.echo("未导入，数据未改动 · nothing was imported", err=True)


def _wait_for_centres(client: httpx.Client, directory: Path) -> None:
    """Until dispatch has heard of every centre: its own copy of the tree is then as new as the file."""
    from cli.api import ApiError, get

    path = directory / "centres.csv"
    if not path.is_file():
        return
    rows = csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
    wanted = {row["code"].strip() for row in rows if (row.get("retired") or "").strip() in ("", "false", "0", "否")}
    until = time.monotonic() + WAIT_SECONDS
    while missing := wanted - {centre["code"] for centre in get(client, "/v1/centres")["centres"]}:
        if time.monotonic() >= until:
            raise ApiError(
                f"dispatch 尚未收到 {len(missing)} 个中心 · dispatch still lacks {len(missing)} centres: wangge status"
            )
        time.sleep(0.2)


def _teams(client: httpx.Client, directory: Path) -> int:
    """Teams through the public API; how many commands were refused."""
    from cli.api import get
    from cli.county.roster import FILE, lines_for, read_roster
    from cli.replay.feed import Feed

    path = directory / FILE
    if not path.is_file():
        return 0
    crews = read_roster(path.read_bytes())
    zone = ZoneInfo(os.environ.get("WANGGE_TIMEZONE") or "Asia/Shanghai")
    known = {team["call_sign"]: team for team in get(client, "/v1/teams")["teams"]}
    planned = list(lines_for(crews, known, datetime.now(zone).date(), zone))
    row_of = {line["key"]: row for row, line in planned}
    with click.progressbar(length=len(planned), label="联动组 teams", file=sys.stderr) as bar:
        feed = Feed(client, bar.update)
        feed.send([line for _, line in planned])
    for line, problem in feed.tally.refused[:SHOWN]:
        detail = problem.get("detail") or problem.get("title")
        click.echo(f"{FILE}:{row_of[line['key']]} [{problem.get('field')}] {problem['code']}\n  {detail}", err=True)
    created = sum(line["command"] == "team.create" for _, line in planned)
    click.echo(f"{FILE}: {len(crews)} 条 rows · 新增 new {created} · 未通过 refused {len(feed.tally.refused)}")
    return len(feed.tally.refused)
