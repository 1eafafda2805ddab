"""`wangge replay`: play a file of calls through the public API and report the 115 figures."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from cli.zones import timezone_option

EPILOG = """Examples:

  wangge replay calls.csv --speed max --json      the past, as fast as it goes; prints the report as JSON

  wangge replay calls.csv --speed 60              the calls arrive now, sixty times faster; the clocks run for real

  wangge replay calls.csv --speed 60 --for 120    the same, ended after two minutes
"""


class Speed(click.ParamType):
    """`max`, or how many times faster than in the file the calls arrive."""

    name = "max|N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """None for `max`, else the factor."""
        if value is None or value == "max":
            return None
        try:
            speed = float(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither `max` nor a number", param, ctx)
        if not 0 < speed <= 100_000:
            self.fail("needs a number above 0 and up to 100000", param, ctx)
        return speed


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--speed", type=Speed(), default="max", show_default=True, help="How fast the calls arrive; see below.")
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=None,
    help="With a speed: end after SECONDS.",
)
@timezone_option("The zone of the file's local times.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, and nothing else, on standard output.")
@click.option("--instance", default="default", show_default=True, help="Which local stack to play into.")
def replay(
    file: Path,
    speed: float | None,
    seconds: float | None,
    zone: ZoneInfo,
    as_json: bool,  # noqa: FBT001 click
    instance: str,
) -> None:
    """回放警情文件并报告 115 指标 / play a FILE of calls for service through the public API and report the 115 figures.

    The file has the shape of the open data set "Fire Department Calls for Service" (one row per unit sent). Teams are
    made from its units. At `--speed max` the stamps stay where they are, in the past: they are judged and reported
    like any other and wake nobody. At `--speed N` the first call happens now, calls arrive N times faster, and each
    call then lives its own seconds, so that the clocks of the service run for real.

    A second replay of the same file at `max` changes nothing: the same keys are given the same answers.
    """
    from cli.api import ApiError, connect
    from cli.replay.calls import InvalidCallsError
    from cli.replay.feed import FeedBrokenError
    from cli.replay.play import Playback, until

    try:
        with connect(instance) as client:
            playback = Playback(client, file, zone, speed=speed, start=datetime.now(UTC))
            result = playback.run(until(seconds))
    except (InvalidCallsError, FeedBrokenError, ApiError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    for line in result.notes():
        click.echo(line, err=True)
    if as_json:
        click.echo(json.dumps(result.figures, indent=1))
    else:
        click.echo("\n".join(result.drawing()))
