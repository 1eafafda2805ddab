"""`wangge events`: the live events in a terminal or a pipe."""

from __future__ import annotations

import json
import sys

import click


@click.command(
    epilog="Examples:\n\n  wangge events\n\n"
    "  wangge events --type 'wangge.dispatch.incident.*' --jurisdiction 999999003\n\n"
    "  wangge events --json --after -1 | jq .type        everything still kept, one event a line"
)
@click.option("--type", "types", multiple=True, metavar="GLOB", help="Only these types, with * and ?; several allowed.")
@click.option("--jurisdiction", default="", metavar="PREFIX", help="Only this part of the county.")
@click.option("--after", default=None, metavar="ID", help="Begin after this id; -1: everything kept. [default: now]")
@click.option("--json", "as_json", is_flag=True, help="One CloudEvent a line.")
@click.option("--for", "seconds", type=click.FloatRange(min=0, min_open=True), default=None, help="End after SECONDS.")
@click.option("--instance", default="default", show_default=True, metavar="NAME", help="Which local stack.")
def events(
    types: tuple[str, ...], jurisdiction: str, after: str | None, *, as_json: bool, seconds: float | None, instance: str
) -> None:
    """实时事件 / events as they happen; goes on by itself over lost connections, and says what cannot be had."""
    import threading

    from cli.stack.address import NotUpError, address
    from wangge_client import Gap, Stream, StreamRefused

    try:
        found = address(instance)
    except NotUpError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    with Stream(found.url, found.token, types=types, jurisdiction=jurisdiction, after=after) as stream:
        if seconds is not None:
            end = threading.Timer(seconds, stream.close)
            end.daemon = True
            end.start()
        try:
            for message in stream:
                if isinstance(message, Gap):
                    click.echo(f"缺失 gap: {message.reason} {message.first} – {message.last}", err=True)
                elif as_json:
                    click.echo(json.dumps(message.envelope, ensure_ascii=False))
                else:
                    when = f"{message.time:%H:%M:%S}" if message.time is not None else "--:--:--"
                    click.echo(f"{when}  {message.type:<44}  {message.subject}  {message.jurisdiction}")
        except StreamRefused as refused:
            click.echo(str(refused), err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo(f"--after {stream.position}", err=True)
