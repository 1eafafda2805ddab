"""`wangge run`: a living county, from nothing: stack, demo county, a day of calls played live, the board."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from cli.zones import county_zone, today

SPEED = 60
"""Calls a minute of a day become calls a second: visible, while each call's own clocks run for real."""


EPILOG = """Examples:

  wangge run

  wangge run --for 60        ends by itself after a minute

  wangge run --load 20       a storm
"""


@click.command(epilog=EPILOG)
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=None,
    help="End after SECONDS. [default: Ctrl-C]",
)
@click.option("--load", type=click.FloatRange(1, 40), default=1, show_default=True, help="As in `wangge county day`.")
@click.option("--seed", default=1, show_default=True, help="As in `wangge county day`.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=SPEED,
    show_default=True,
    help="Calls arrive this many times faster.",
)
@click.option("--instance", default="default", show_default=True, help="Which local stack to use; it stays up.")
def run(seconds: float | None, load: float, seed: int, speed: float, instance: str) -> None:
    """一键演示 / bring the stack up, make and import the demo county, play a day of calls live and show the board.

    What is still open when it ends is cancelled on the record. The stack stays up afterwards: `wangge status` shows
    it, `wangge down` stops it.
    """
    from cli.api import ApiError
    from cli.replay.feed import FeedBrokenError

    _wangge("up", "--instance", instance)
    _county(instance)
    try:
        _play(instance, _day(instance, load, seed), speed, seconds)
    except (ApiError, FeedBrokenError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)


def _play(instance: str, day: Path, speed: float, seconds: float | None) -> None:
    from zoneinfo import ZoneInfo

    from cli.api import connect
    from cli.board.command import watch
    from cli.replay.play import Playback, until

    start = datetime.now(UTC)
    go_on, stopped = until(seconds), threading.Event()
    with connect(instance) as client:
        playback = Playback(client, day, ZoneInfo("Asia/Shanghai"), speed=speed, start=start)
        player = _Player(playback.run, lambda: go_on() and not stopped.is_set())
        player.start()
        try:
            watch(instance, lambda: go_on() and player.is_alive(), since=start.isoformat().replace("+00:00", "Z"))
        except KeyboardInterrupt:
            click.echo("", err=True)
        stopped.set()
        player.join()
        if player.failure:
            raise player.failure
        ended = playback.cancel_rest("演示结束 end of the demonstration")
    for line in [*player.result.notes(), *player.result.drawing()]:
        click.echo(line)
    click.echo(f"演示结束，未结警情已取消 · what was still open was cancelled: {ended}")


class _Player(threading.Thread):
    """Plays in the background; what it met is kept for the end."""

    def __init__(self, play: Callable[..., object], go_on: Callable[[], bool]) -> None:
        super().__init__(daemon=True)
        self._play, self._go_on = play, go_on
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            self.result = self._play(self._go_on, quiet=True)
        except Exception as error:  # noqa: BLE001 raised again by the caller's thread
            self.failure = error


def _county(instance: str) -> None:
    """Make and import the demo county where there is none yet."""
    from cli.api import ApiError, connect
    from cli.replay.play import county_centre

    try:
        with connect(instance) as client:
            county_centre(client)
    except ApiError:
        folder = Path(".run") / instance / "demo-county"
        _wangge("county", "make", str(folder), "--demo")
        _wangge("county", "import", str(folder), "--instance", instance)


def _day(instance: str, load: float, seed: int) -> Path:
    from cli.county.day.command import DEMO_BOX, parse_box
    from cli.county.day.draw import draw_day
    from cli.county.day.write import write_calls

    path = Path(".run") / instance / f"day-{seed}-{load:g}.csv"
    write_calls(path, draw_day(today(county_zone()), seed=seed, load=load, box=parse_box(DEMO_BOX)))
    return path


def _wangge(*arguments: str) -> None:
    """Run another command of `wangge`, ending with its exit code when it fails."""
    done = subprocess.run([sys.executable, "-m", "cli.main", *arguments], check=False)
    if done.returncode:
        sys.exit(done.returncode)
