"""What a test does with a running county: type commands, call the API, end processes, ask the database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psycopg2

from cli.api import connect
from cli.stack.instance import Instance
from cli.stack.plan import read_plan

CHECKOUT = Path(__file__).parents[2]


class County:
    """One local stack and its API."""

    def __init__(self, instance: str) -> None:
        self.instance = instance
        self._client: httpx.Client | None = None

    def wangge(self, *arguments: str, instance: bool = True, check: bool = True, within: float = 180) -> str:
        """Standard output of one `wangge` command; its exit code must be 0 unless `check` is False."""
        done = subprocess.run(
            self.command(*arguments, instance=instance),
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"wangge {' '.join(arguments)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done.stdout

    def command(self, *arguments: str, instance: bool = True) -> list[str]:
        """The command line of one `wangge` command for this stack."""
        return [sys.executable, "-m", "cli.main", *arguments, *(("--instance", self.instance) if instance else ())]

    @property
    def client(self) -> httpx.Client:
        """A client of the gateway, with the development token."""
        if self._client is None:
            self._client = connect(self.instance)
        return self._client

    def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        return self.client.post(
            path, json={} if body is None else body, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    def get(self, path: str, **parameters: str) -> Any:
        """The JSON of a GET that must succeed."""
        response = self.client.get(path, params=parameters)
        assert response.status_code == httpx.codes.OK, response.text
        return response.json()

    def status(self) -> dict[str, Any]:
        """`wangge status --json`; its exit code tells whether all is well, which here is for the test to say."""
        return dict(json.loads(self.wangge("status", "--json", check=False)))

    def pid(self, part: str) -> int:
        """Process id of one part."""
        for entry in self.status()["parts"]:
            if entry["name"] == part:
                return int(entry["pid"])
        raise AssertionError(f"no part {part}")

    def kill(self, part: str) -> None:
        """kill -9, as a failing machine would."""
        os.kill(self.pid(part), signal.SIGKILL)

    def query(self, service: str, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of one read of a service's database: the outside look of a checker, not of a service."""
        plan = read_plan(Instance.named(self.instance))
        assert plan is not None, "the stack was never up"
        connection = psycopg2.connect(plan.database_url(service))
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def fill(self, folder: Path) -> None:
        """Start its stack and import the demo county, by the commands a newcomer types."""
        self.wangge("up")
        self.wangge("county", "make", str(folder), "--demo", instance=False)
        self.wangge("county", "import", str(folder))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self.wangge("down", "--destroy", check=False)

    @staticmethod
    def day(path: Path, *, seed: int, load: float = 1) -> Path:
        """A generated day of calls, written to `path`."""
        options = {"--seed": str(seed), "--load": str(load), "--date": "2026-03-01", "--out": str(path)}
        command = [
            sys.executable,
            "-m",
            "cli.main",
            "county",
            "day",
            *(word for pair in options.items() for word in pair),
        ]
        subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
        return path
