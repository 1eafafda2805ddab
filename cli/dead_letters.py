"""`wangge dead-letters`: look at what could not be handled, give it back, or drop it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

instance_option = click.option(
    "--instance", default="default", show_default=True, metavar="NAME", help="Which local stack."
)


@click.group("dead-letters")
def dead_letters() -> None:
    """死信：查看、重放、丢弃 / messages that could not be handled: list, show, replay, drop."""


@dead_letters.command("list", epilog="Examples:\n\n  wangge dead-letters list\n\n  wangge dead-letters list --json")
@instance_option
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_(instance: str, *, as_json: bool) -> None:
    """列出死信 / every dead letter, by queue."""
    with dead_letters_of(instance) as (store, url):
        queues = store.list_queues(url)
        letters = [letter for queue in queues if queue.messages for letter in store.list_messages(url, queue.queue)]
    if as_json:
        click.echo(json.dumps([summary(letter) for letter in letters]))
        return
    for letter in letters:
        click.echo(f"{letter.queue}  {letter.key}  {letter.routing_key}  {letter.dead_at or ''}\n    {letter.error}")
    click.echo(f"{sum(queue.messages for queue in queues)} 封死信 dead letters in {len(queues)} queues")


@dead_letters.command(epilog="Example:\n\n  wangge dead-letters show dispatch.grids.dead 0190f0c5-…")
@click.argument("queue")
@click.argument("key")
@instance_option
def show(queue: str, key: str, instance: str) -> None:
    """查看一封 / one dead letter: why it died, where it came from, its body."""
    with dead_letters_of(instance) as (store, url):
        letter = store.show(url, queue, key)
    headers = {name: str(value) for name, value in letter.headers.items()}
    body = letter.body.decode(errors="backslashreplace")
    click.echo(json.dumps({**summary(letter), "headers": headers, "body": body}, indent=1, ensure_ascii=False))


@dead_letters.command(
    epilog="Examples:\n\n  wangge dead-letters replay dispatch.grids.dead 0190f0c5-…\n\n"
    "  wangge dead-letters replay dispatch.grids.dead          all that are there now"
)
@click.argument("queue")
@click.argument("key", required=False)
@instance_option
def replay(queue: str, key: str | None, instance: str) -> None:
    """重放 / give one (or all) back to the queue it came from, as a first attempt."""
    with dead_letters_of(instance) as (store, url):
        given_back = store.replay(url, queue, key)
    click.echo(f"已重放 replayed {len(given_back)}")


@dead_letters.command(epilog="Example:\n\n  wangge dead-letters drop dispatch.grids.dead 0190f0c5-… --yes")
@click.argument("queue")
@click.argument("key")
@instance_option
@click.confirmation_option(prompt="永久删除这条消息？ Delete this message for good?")
def drop(queue: str, key: str, instance: str) -> None:
    """丢弃 / delete one for good; its body is printed first."""
    with dead_letters_of(instance) as (store, url):
        letter = store.drop(url, queue, key)
    click.echo(letter.body.decode(errors="backslashreplace"))


@contextmanager
def dead_letters_of(instance: str) -> Iterator[tuple[Any, str]]:
    """chassis.dead_letters and the broker's URL; its refusals become messages for a person.

    WANGGE_AMQP_URL names an administrator of a broker that `wangge up` did not start.
    """
    from chassis import dead_letters as store

    url = os.environ.get("WANGGE_AMQP_URL") or _local_url(instance)
    try:
        yield store, url
    except (store.NoSuchDeadLetter, store.NotReplayed, store.BrokerLost) as refusal:
        raise click.ClickException(str(refusal)) from refusal


def _local_url(instance: str) -> str:
    from cli.stack.address import address
    from cli.stack.instance import Instance
    from cli.stack.plan import read_plan

    address(instance)
    plan = read_plan(Instance.named(instance))
    if plan is None:
        raise click.ClickException(f"{instance}: no plan")
    return plan.amqp_url("wangge_admin")


def summary(letter: Any) -> dict[str, Any]:
    return {
        "queue": letter.queue,
        "key": letter.key,
        "routing_key": letter.routing_key,
        "handler": letter.handler,
        "error": letter.error,
        "attempt": letter.attempt,
        "dead_at": letter.dead_at,
    }
