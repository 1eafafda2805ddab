"""Where a running instance is reached: what every command that talks to a stack asks first."""

from __future__ import annotations

from dataclasses import dataclass

from cli.stack.instance import Instance
from cli.stack.packages import StackError
from cli.stack.plan import read_plan
from cli.stack.state import State


class NotUpError(StackError):
    """The instance does not run; the message says how to start it."""


@dataclass(frozen=True)
class Address:
    """Where a running instance listens, and the bearer token its gateway takes."""

    url: str
    token: str


def address(name: str) -> Address:
    """The gateway of a running instance. Raises NotUpError when it is not up."""
    instance = Instance.named(name)
    state = State.read(instance)
    plan = read_plan(instance) if state is not None and state.supervised else None
    if plan is None:
        option = "" if name == "default" else f" --instance {name}"
        raise NotUpError(f"本地服务未启动 · the stack {name!r} is not up: wangge up{option}")
    return Address(plan.address, plan.secrets["token"])
