"""`wangge board`: the live board in a terminal, lines without one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click


@click.command(
    epilog="Examples:\n\n  wangge board\n\n  wangge board --for 30 | cat        plain lines, ended after 30 seconds"
)
@click.option("--instance", default="default", show_default=True, help="Which local stack to watch.")
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=None,
    help="End after SECONDS. [default: Ctrl-C]",
)
def board(instance: str, seconds: float | None) -> None:
    """实时看板 / the open incidents with their running clocks and the 115 figures so far, once a second."""
    from cli.replay.play import until

    try:
        watch(instance, until(seconds))
    except KeyboardInterrupt:
        click.echo("", err=True)


def watch(instance: str, go_on: Callable[[], bool], *, every: float = 1.0, since: str | None = None) -> None:
    """Show the board while `go_on()`, with figures of what was received from `since` (RFC 3339) on.

    Trouble is shown, never fatal.
    """
    from cli.api import ApiError, connect, get

    parameters = {"from": since} if since else {}
    with connect(instance) as client, _screen() as show:
        while go_on():
            try:
                show(get(client, "/v1/board", **parameters))
            except ApiError as error:
                click.echo(f"看板暂不可用 board unavailable: {error}", err=True)
            time.sleep(every)


@contextmanager
def _screen() -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """A function that shows one snapshot: on the whole terminal, or as lines where there is none."""
    if not sys.stdout.isatty():
        from cli.board.view import plain

        yield lambda snapshot: click.echo("\n".join(plain(snapshot)))
        return
    from rich.console import Console
    from rich.live import Live

    from cli.board.view import TITLE, board

    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as screen:

        def show(snapshot: Mapping[str, Any]) -> None:
            screen.update(board(snapshot, title=TITLE, rows=max(5, console.height - 14)), refresh=True)

        yield show
