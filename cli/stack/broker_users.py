"""Users of an adopted broker: a node reads its definitions when it starts, and services may have been added since."""

from __future__ import annotations

import os
import sys

from cli.stack.broker import BrokerNode
from cli.stack.instance import Instance
from cli.stack.packages import StackError
from cli.stack.plan import read_plan


def ensure_users(broker: BrokerNode) -> bool:
    """Give the running node its present definitions if one of its users cannot log in. True when that was needed."""
    if all(broker.answers(user) for user in broker.users):
        return False
    broker.import_definitions()
    return True


def main() -> int:
    """Started by the supervisor, which names the instance in the environment."""
    plan = read_plan(Instance.named(os.environ["WANGGE_INSTANCE"]))
    if plan is None or plan.broker is None:
        raise StackError("there is no plan with a private broker: `wangge up` makes it")
    ensure_users(plan.broker)
    return 0


if __name__ == "__main__":
    sys.exit(main())
