"""`wangge consumers`: other programs that take events straight from the broker."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cli.stack.broker import BrokerNode

INSTANCE = click.option("--instance", default="default", show_default=True, metavar="NAME", help="Which local stack.")


@click.group()
def consumers() -> None:
    """消息消费者 / programs that take events over AMQP: a user and a queue of its own for each, read only."""


@consumers.command(
    epilog="Example:\n\n  wangge consumers add town-board --events 'wangge.dispatch.#' --jurisdiction 999999001"
)
@click.argument("name")
@click.option(
    "--events", "patterns", multiple=True, default=("#",), show_default=True, metavar="PATTERN",
    help="Topic pattern of event types; several allowed.",
)  # fmt: skip
@click.option(
    "--jurisdiction",
    "places",
    multiple=True,
    metavar="CODE",
    help="Of this county (6 digits) or town (9) only; several allowed.",
)
@INSTANCE
def add(name: str, patterns: tuple[str, ...], places: tuple[str, ...], instance: str) -> None:
    """新增消费者 / make a consumer and print its address, once; again: other patterns, a new password."""
    from cli.stack.consumers import add as add_consumer

    for place in places:
        if not re.fullmatch(r"[0-9]{6}([0-9]{3})?", place):
            click.echo(
                f"{place}：路由键只到县、镇，更小的辖区请用 /v1/stream · a routing key knows counties (6 digits) and "
                "towns (9); who may see a smaller part reads /v1/stream (wangge_client)",
                err=True,
            )
            sys.exit(2)
    click.echo(add_consumer(_broker(instance), name, patterns, places))


@consumers.command(name="list")
@INSTANCE
def list_consumers(instance: str) -> None:
    """列出 / each consumer with what waits for it and how many read."""
    from cli.stack.consumers import listed

    for each in listed(_broker(instance)):
        click.echo(f"{each['name']:<34}{each['messages']:>8}  消费者 readers {each['consumers']}")


@consumers.command()
@click.argument("name")
@INSTANCE
def remove(name: str, instance: str) -> None:
    """删除 / take a consumer away with its queue; its connections end."""
    from cli.stack.consumers import remove as remove_consumer

    remove_consumer(_broker(instance), name)


def _broker(instance: str) -> BrokerNode:
    """The instance's own node. Raises StackError."""
    from cli.stack.instance import Instance
    from cli.stack.packages import StackError
    from cli.stack.plan import read_plan

    plan = read_plan(Instance.named(instance))
    if plan is None or plan.broker is None:
        raise StackError("未启动，或不是自带的消息服务器 · not up, or its broker is not its own: make the user there")
    return plan.broker
