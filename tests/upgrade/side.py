"""One release at work: what `wangge up` of its own checkout starts, on servers that it shares with the other one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

import httpx

from cli.stack.instance import Instance
from cli.stack.parts import Part
from cli.stack.plan import Plan, make_plan, read_plan
from cli.stack.state import State
from tests.upgrade.releases import Release

START_SECONDS = 240.0
WORK = {
    "registry": "wangge_rpc_seconds_count",
    "dispatch": "wangge_rpc_seconds_count",
    "dispatch-sidecar": "wangge_relay_published_total",
    "dispatch-sidecar clock": "wangge_deadline_fired_total",
    "gateway": "wangge_gateway_http_seconds_count",
}
"""What a part (the first word) counts of what it has done."""
DRAINED = ("registry", "registry-sidecar", "dispatch", "dispatch-sidecar", "gateway")


@dataclass
class Side:
    """Both sides have the same instance name, so on given servers the same databases and roles."""

    release: Release
    name: str
    servers: dict[str, str]

    @property
    def at(self) -> Instance:
        return Instance(self.name, self.release.checkout)

    @property
    def plan(self) -> Plan:
        plan = read_plan(self.at)
        assert plan is not None, f"{self.release} was never up"
        return plan

    def environment(self, **more: str) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("WANGGE_")}
        return {**inherited, **self.servers, **more}

    def run(self, *arguments: str, check: bool = True, within: float = START_SECONDS, **more: str) -> str:
        """Standard output of one `wangge` command of this release."""
        done = subprocess.run(
            [self.release.python, "-m", "cli.main", *arguments], cwd=self.release.checkout,
            env=self.environment(**more), capture_output=True, text=True, timeout=within, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"wangge {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def up(self) -> None:
        self.run("up", "--instance", self.name)

    def down(self) -> None:
        """Every part is asked to end (SIGTERM) and has its time to drain."""
        self.run("down", "--instance", self.name)

    def take_over(self, other: Side) -> None:
        """The secrets stay when the release changes; what this one has beyond them is made."""
        self.at.make_directory()
        shutil.copyfile(other.at.directory / "secrets", self.at.directory / "secrets")
        make_plan(self.at, None, self.servers)

    def migrate(self) -> None:
        """Databases, roles and schemas as this release has them; none of its parts runs for it."""
        plan = self.plan
        databases = Part("databases", "task", ("-m", "cli.stack.databases"))
        for part in (databases, *(part for part in plan.parts.parts if part.kind == "task")):
            self._task(plan, part, *part.command)

    def audit(self) -> str:
        """What this release's own audit says of every timeline. Raises AssertionError when one does not hold."""
        part = next(part for part in self.plan.parts.parts if part.name == "dispatch-migrate")
        return self._task(self.plan, part, "-m", "services.dispatch.entrypoints.admin", "audit-verify")

    def _task(self, plan: Plan, part: Part, *command: str) -> str:
        done = subprocess.run(
            [self.release.python, *command], cwd=self.release.checkout, env=plan.environment(part),
            capture_output=True, text=True, timeout=START_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            raise AssertionError(f"{self.release} {part.name}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout.strip()

    @property
    def runs(self) -> bool:
        state = State.read(self.at)
        return state is not None and state.supervised

    def unready(self) -> list[str]:
        """Parts of a side that runs and are not as they should be; of one that was taken down none."""
        state = State.read(self.at)
        parts = state.parts if state is not None and state.supervised else []
        return [f"{part.name} of {self.release}" for part in parts if part.state not in {"ready", "done"}]

    def restarts(self) -> dict[str, int]:
        """How often a part had to be started again: none should."""
        state = State.read(self.at)
        parts = state.parts if state is not None else []
        return {f"{part.name} of {self.release}": part.restarts for part in parts if part.restarts}

    def done(self) -> dict[str, float]:
        """How much each part has done since it was started; nothing where it does not run."""
        return {what: self._count(what.split()[0], metric) if self.runs else 0.0 for what, metric in WORK.items()}

    def _count(self, name: str, metric: str) -> float:
        plan = self.plan
        part = next(part for part in plan.parts.parts if part.name == name)
        try:
            text = httpx.get(f"http://127.0.0.1:{plan.port[part.ready or '']}/metrics", timeout=5).text
        except httpx.HTTPError:
            return 0.0
        return sum(float(value) for value in re.findall(rf"^{metric}(?:{{.*}})? (\S+)$", text, re.MULTILINE))

    def waiting_calls(self) -> int:
        """Calls that its gateway has taken and not delivered: while there are any it must not be put away."""
        ready = httpx.get(f"{self.plan.address}/ready", timeout=10).json()
        # A gateway from before decision 0060 keeps none.
        return int(ready.get("intake", {}).get("waiting", 0))

    def drained_badly(self) -> list[str]:
        """Parts that did not end in order when they were told to; looked at after `down`."""
        found = []
        for part in DRAINED:
            log = self.at.log(part).read_text(encoding="utf-8", errors="replace")
            if "drain cut short" in log:
                found.append(f"{part} of {self.release} was cut short")
        return found
