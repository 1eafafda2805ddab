"""What is kept of a run that found something: the logs, and where everybody stood when it was looked at."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg2

from cli.stack.state import State
from tests.chaos.stack import ChaosStack

SESSIONS = (
    "SELECT pid, application_name, state, wait_event_type, wait_event, age(clock_timestamp(), xact_start)::text,"
    " left(query, 200) FROM pg_stat_activity WHERE backend_type = 'client backend'"
)
LOCKS = (
    "SELECT pid, locktype, mode, granted, relation::regclass::text, objid FROM pg_locks WHERE pid <> pg_backend_pid()"
)
OUTBOX = "SELECT id, order_key, routing_key, attempts, not_before::text, last_error FROM outbox ORDER BY id LIMIT 50"


def look_around(stack: ChaosStack, folder: Path) -> None:
    """Write down who waits for what, while they still do: `stuck.json`."""
    seen: dict[str, Any] = {}
    for name, sql in (("sessions", SESSIONS), ("locks", LOCKS), ("outbox", OUTBOX)):
        with suppress(psycopg2.Error):
            seen[name] = stack.query("dispatch", sql)
    state = State.read(stack.at)
    for part in state.parts if state else ():
        if part.identity is not None:
            with suppress(OSError):
                seen[part.name] = [
                    (thread.name, (thread / "wchan").read_text(), (thread / "syscall").read_text())
                    for thread in sorted(Path(f"/proc/{part.identity.pid}/task").iterdir())
                ]
    (folder / "stuck.json").write_text(json.dumps(seen, indent=1, default=str), encoding="utf-8")


def keep_logs(stack: ChaosStack, folder: Path) -> None:
    """Copy the parts' logs before the stack is destroyed."""
    shutil.copytree(stack.at.directory / "logs", folder / "logs", dirs_exist_ok=True)
