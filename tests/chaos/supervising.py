"""`python -m tests.chaos.supervising NAME ENVIRONMENT.json`: the stack's supervisor, whose servers get more.

The product gives PostgreSQL and RabbitMQ nothing of the caller's environment, and rightly; a run of faults has to put
its clock shim in front of them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cli.stack import broker, postgres, supervisor


def main() -> int:
    name, file = sys.argv[1:]
    more = json.loads(Path(file).read_text(encoding="utf-8"))
    of_postgres, of_broker = postgres._environment, broker.BrokerNode.environment
    postgres._environment = lambda: {**of_postgres(), **more["postgres"]}
    broker.BrokerNode.environment = lambda self: {**of_broker(self), **more["broker"]}  # type: ignore[method-assign]
    return supervisor.main([name])


if __name__ == "__main__":
    sys.exit(main())
