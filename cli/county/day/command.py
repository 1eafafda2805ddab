"""`wangge county day` and `wangge county fit`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from cli.zones import county_zone, yesterday

DEMO_BOX = "-122.53,37.60,-122.35,37.84"
"""West, south, east, north of the demo county, degrees."""


@click.command(
    epilog="Examples:\n\n  wangge county day --out day.csv\n\n"
    "  wangge county day --seed 7 --date 2026-03-01 --load 20 --out storm.csv"
)
@click.option(
    "--seed", default=1, show_default=True, help="Same seed, date, load and box: the same file, byte for byte."
)
@click.option(
    "--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="The day to write. [default: the county's yesterday]"
)
@click.option(
    "--load",
    type=click.FloatRange(1, 40),
    default=1,
    show_default=True,
    help="1 is an ordinary day; 20 adds a storm: four hours at 20 times the mean and one event that 300 callers "
    "report within a minute.",
)
@click.option("--bbox", default=DEMO_BOX, show_default=True, metavar="W,S,E,N", help="Where the calls lie, degrees.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The file to write. [default: .run/day-DATE.csv]",
)
def day(seed: int, day: datetime | None, load: float, bbox: str, out: Path | None) -> None:
    """写出一天的模拟警情 / write a synthetic day of calls, in the file shape that `wangge replay` plays.

    Arrivals by hour, call types, the units sent and every interval are drawn from distributions fitted to four real
    days (parameters: cli/county/day/parameters.json, method: cli/county/day/fit.py). Nobody in it is real.
    """
    from cli.county.day.draw import draw_day
    from cli.county.day.write import write_calls

    chosen = day.date() if day else yesterday(county_zone())
    target = out or Path(".run") / f"day-{chosen}.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    calls = draw_day(chosen, seed=seed, load=load, box=parse_box(bbox))
    rows = write_calls(target, calls)
    click.echo(f"{target}: {len(calls)} 起警情 calls, {rows} 次出动 unit responses")


@click.command(epilog="Example:\n\n  wangge county fit calls.csv --out cli/county/day/parameters.json")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The JSON file to write.")
def fit(file: Path, out: Path) -> None:
    """由真实警情文件拟合参数 / fit the parameters of `county day` to a real calls-for-service FILE."""
    from cli.county.day.fit import fit_file, write_parameters
    from cli.replay.calls import InvalidCallsError

    try:
        parameters = fit_file(file)
    except InvalidCallsError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    write_parameters(out, parameters)
    click.echo(f"{out}: {parameters['fitted_to']}")


def parse_box(text: str):  # type: ignore[no-untyped-def]  # noqa: ANN201 Box is imported late, to keep the command quick
    """`W,S,E,N` in degrees as a Box; raises click.BadParameter naming the rule."""
    from cli.county.day.draw import Box

    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter("needs four numbers W,S,E,N", param_hint="--bbox") from error
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise click.BadParameter("needs W < E within ±180 and S < N within ±90", param_hint="--bbox")
    return Box(west, south, east, north)
