"""Run a service's own admin command (`python -m services.NAME.entrypoints.admin …`) with that service's settings."""

from __future__ import annotations

import subprocess
import sys

from cli.stack.address import address
from cli.stack.instance import Instance
from cli.stack.packages import StackError
from cli.stack.plan import read_plan


def run_admin(instance_name: str, service: str, *arguments: str) -> int:
    """Its exit code; it prints for itself. Raises NotUpError when the instance is not up."""
    address(instance_name)
    instance = Instance.named(instance_name)
    plan = read_plan(instance)
    parts = () if plan is None else plan.parts.parts
    part = next((p for p in parts if p.service == service and p.kind == "task"), None)
    if plan is None or part is None:
        raise StackError(f"this instance runs no service {service!r}")
    command = [sys.executable, "-m", f"services.{service}.entrypoints.admin", *arguments]
    return subprocess.run(command, env=plan.environment(part), check=False).returncode
