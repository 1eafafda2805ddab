"""`wangge up`, `down`, `status`, `logs`: what a person types; the doing is in the modules beside this one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from cli.stack.instance import Instance
from cli.stack.packages import StackError

instance_option = click.option(
    "--instance",
    default="default",
    show_default=True,
    metavar="NAME",
    help="Which local stack; several run side by side.",
)


def say(line: str) -> None:
    click.echo(line, err=True)


@click.command(
    epilog="Examples:\n\n  wangge up\n\n  wangge up --instance b        another one beside it, on other ports\n\n"
    "  AMQP_URL=… DATABASE_URL=… wangge up     with servers that you have"
)
@instance_option
@click.option("--json", "as_json", is_flag=True, help="Print the address, token and parts as JSON.")
@click.option("--wait", "within", default=180.0, show_default=True, help="Give up waiting after SECONDS.")
@click.option("--parts", type=click.Path(exists=True, dir_okay=False, path_type=Path), hidden=True)
def up(instance: str, *, as_json: bool, within: float, parts: Path | None) -> None:
    """启动本地全套服务，就绪后返回 / start everything on this machine and return when it is ready.

    A second `up` changes nothing and prints the same. Data and logs live in .run/NAME.
    """
    from cli.stack import up as starting
    from cli.stack.address import address
    from cli.stack.status import describe_parts

    chosen = Instance.named(instance)
    state = starting.up(chosen, say=say, within=within, parts_file=parts)
    if as_json:
        found = address(instance)
        click.echo(json.dumps({"url": found.url, "token": found.token, "parts": describe_parts(state)}))
    else:
        click.echo(starting.greeting(chosen, state))


@click.command(epilog="Examples:\n\n  wangge down\n\n  wangge down --destroy         and delete its data")
@instance_option
@click.option("--destroy", is_flag=True, help="Delete the data, logs and secrets too.")
def down(instance: str, *, destroy: bool) -> None:
    """停止 up 启动的一切，且只停这些 / stop what `up` started, and only that; data stays."""
    from cli.stack import down as stopping

    chosen = Instance.named(instance)
    if not stopping.down(chosen, say=say, destroy=destroy):
        click.echo(f"{instance}: 没有在运行的服务 · nothing was running")


@click.command(
    epilog="Examples:\n\n  wangge status\n\n  wangge status --json | python3 -m json.tool\n\n"
    "Exit code: 0 all ready, 1 something is not, 3 not up."
)
@instance_option
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def status(instance: str, *, as_json: bool) -> None:
    """各部件、队列积压与发件箱 / each part, queue depths, oldest outbox message, dead letters."""
    from cli.stack.status import read_status, show

    report = read_status(Instance.named(instance))
    if as_json:
        click.echo(json.dumps(report))
    else:
        show(report)
    sys.exit(report["exit_code"])


@click.command(
    epilog="Examples:\n\n  wangge logs                   which there are\n\n  wangge logs dispatch -n 200\n\n"
    "  wangge logs gateway --follow"
)
@click.argument("part", required=False)
@instance_option
@click.option("-n", "--lines", default=50, show_default=True, help="How many of the last lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines until Ctrl-C.")
def logs(part: str | None, instance: str, lines: int, *, follow: bool) -> None:
    """查看部件日志 / the log of one part."""
    chosen = Instance.named(instance)
    known = sorted(path.stem for path in (chosen.directory / "logs").glob("*.log"))
    if part is None:
        click.echo("\n".join(known))
        return
    if part not in known:
        raise StackError(f"no log of {part!r}; there are: {', '.join(known) or 'none'}")
    from cli.stack.tail import tail

    for line in tail(chosen.log(part), lines, follow=follow):
        click.echo(line)
