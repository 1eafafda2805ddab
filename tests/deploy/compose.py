"""The compose file as Compose itself reads it: variables filled in, anchors resolved."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cli.stack import compose_secrets
from cli.stack.instance import Instance
from cli.stack.parts import read_parts

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = Path(sys.executable).with_name("docker-compose")


def resolved(text: str | None = None) -> dict[str, Any]:
    """The model of docker-compose.yml, or of `text` in its place. Raises AssertionError with Compose's words."""
    with TemporaryDirectory() as folder:
        permissions = json.loads((ROOT / compose_secrets.PERMISSIONS).read_text(encoding="utf-8"))
        instance = Instance("compose", Path(folder))
        compose_secrets.write(instance, read_parts(), permissions)
        command = [COMPOSE, "--project-directory", ROOT, "--file", "-" if text else ROOT / "docker-compose.yml"]
        done = subprocess.run(
            [*map(str, command), "--profile", "*", "config", "--format", "json"],
            input=text, env={**os.environ, "WANGGE_SECRETS": str(instance.directory)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))


@cache
def services() -> dict[str, dict[str, Any]]:
    return dict(resolved()["services"])
