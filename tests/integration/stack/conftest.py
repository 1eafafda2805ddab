"""Stacks for tests: real servers, tiny parts, one instance a module, destroyed at the end."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cli.stack.instance import CHECKOUT, Instance
from cli.stack.process import Identity
from cli.stack.state import State
from cli.stack.status import describe_parts

TINY_PARTS = CHECKOUT / "tests" / "support" / "stack_parts" / "parts.json"


@dataclass
class Wangge:
    """Runs the command as a person would, in one checkout, with no server given."""

    checkout: Path = CHECKOUT
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, ok: bool = True, within: float = 100) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if k not in {"AMQP_URL", "DATABASE_URL"}}
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=self.checkout, env={**inherited, **self.env},
            capture_output=True, text=True, timeout=within, check=False,
        )  # fmt: skip
        assert not ok or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def up(self, name: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self("up", "--instance", name, "--parts", str(TINY_PARTS), "--wait", "90", *arguments, **options)

    def status(self, name: str) -> dict[str, Any]:
        return json.loads(self("status", "--instance", name, "--json", ok=False).stdout)

    def part(self, name: str, part: str) -> dict[str, Any]:
        """One part, from the state file itself: asking for the figures too would start an Erlang machine each time."""
        state = State.read(Instance(name, self.checkout))
        assert state is not None
        return next(p for p in describe_parts(state) if p["name"] == part)

    def identity(self, name: str, part: str) -> Identity:
        identity = Identity.of(self.part(name, part)["pid"])
        assert identity is not None
        return identity


@pytest.fixture(scope="session")
def wangge() -> Wangge:
    return Wangge()


@pytest.fixture(scope="module")
def stack(wangge: Wangge) -> Iterator[str]:
    """A running instance of tiny parts, shared by the tests of a module; its name."""
    name = f"test-{os.getpid()}"
    try:
        wangge.up(name)
        yield name
    finally:
        wangge("down", "--instance", name, "--destroy")


@pytest.fixture
def destroyed(wangge: Wangge) -> Iterator[Callable[[str], str]]:
    """Register an instance that the test brings up itself: it is destroyed afterwards."""
    names: list[str] = []

    def register(name: str) -> str:
        names.append(name)
        return name

    yield register
    for name in names:
        wangge("down", "--instance", name, "--destroy")
