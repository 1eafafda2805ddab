"""Teams of a county into dispatch, through the public API like anybody's."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click
import httpx

from cli.api import connect, get
from cli.county.roster import lines_for, read_roster
from cli.replay.feed import Feed
from cli.zones import county_zone, today

CENTRES_WITHIN = 60.0  # seconds until dispatch must have heard of all centres
SHOWN = 20


def load_teams(file: Path, instance: str) -> int:
    """Create or change every team of `file`; how many commands were refused (each is reported with its row).

    The times of their shifts are the county's. Raises RosterError before anything is sent when a row cannot be read,
    TimeoutError when dispatch does not learn of the centres, ApiError and FeedBrokenError as those say.
    """
    if not file.exists():
        return 0
    crews = read_roster(file.read_bytes())
    zone = county_zone()
    with connect(instance) as client:
        await_centres(client, {crew.data["centre_code"] for crew in crews})
        known = {team["call_sign"]: team for team in get(client, "/v1/teams")["teams"]}
        planned = list(lines_for(crews, known, today(zone), zone))
        with click.progressbar(length=len(planned), label="联动组 teams", file=sys.stderr) as bar:
            feed = Feed(client, bar.update)
            feed.send([line for _, line in planned])
    row_of = {line["key"]: row for row, line in planned}
    for line, problem in feed.tally.refused[:SHOWN]:
        where = f" [{problem['field']}]" if problem.get("field") else ""
        detail = problem.get("detail", "")
        click.echo(f"{file.name}:{row_of[line['key']]}{where} {problem['code']}: {detail}", err=True)
    click.echo(f"{file.name}: 共 {len(crews)} 支队伍 teams，未通过 refused {len(feed.tally.refused)}")
    return len(feed.tally.refused)


def await_centres(client: httpx.Client, wanted: set[str]) -> None:
    """The tree reaches dispatch as events: wait until it knows every centre that a team belongs to."""
    until = time.monotonic() + CENTRES_WITHIN
    while missing := wanted - {centre["code"] for centre in get(client, "/v1/centres")["centres"]}:
        if time.monotonic() > until:
            raise TimeoutError(f"dispatch 未收到中心 · has not heard of {len(missing)} centres, such as {min(missing)}")
        time.sleep(0.2)
