"""A stack for chaos: the product's own stack with two replicas of dispatch, its servers behind fault proxies.

Everything is what `wangge up` starts and its supervisor watches, from a parts file made here. The only difference is
the environment of the parts: their AMQP_URL and DATABASE_URL name the proxies.
"""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from cli.stack import down, packages, ports, process
from cli.stack import up as starting
from cli.stack.instance import CHECKOUT, Instance
from cli.stack.parts import PARTS
from cli.stack.plan import Plan, make_plan, read_plan
from cli.stack.process import Identity
from cli.stack.state import State
from tests.chaos.clocks import Clocks
from tests.chaos.disks import SmallDisk
from tests.chaos.proxy import FaultProxy
from tests.e2e.county import County
from tests.support.eventually import eventually

REPLICATED = ("dispatch", "dispatch-sidecar")
SERVERS = ("broker", "postgres")
START_SECONDS = 180.0
TARGETS = {"push": 2.0, "assign": 2.0, "arrive": 3.0}
"""Seconds; every clock of a run comes due within it."""
POLICY = {
    "chaos": {
        "match": [{"sources": ["sensor"], "categories": ["gas_leak"]}],
        "targets": TARGETS,
        # Longer than any run: an offer that expires would start the clocks of another generation.
        "answer_seconds": 100_000,
    }
}


class ChaosStack(County):
    """From `start` to `close`, which destroys all data. `small_disks`: the servers have disks that can be filled."""

    def __init__(self, instance: str, *, breakage: str | None = None, small_disks: bool = False) -> None:
        super().__init__(instance)
        self.at = Instance.named(instance)
        self.proxies: dict[str, FaultProxy] = {}
        self.clocks = Clocks()
        self.disks: dict[str, SmallDisk] = {}
        self._breakage = breakage
        self._small_disks = small_disks

    @property
    def plan(self) -> Plan:
        plan = read_plan(self.at)
        assert plan is not None, "the stack was never up"
        return plan

    def start(self, say: Any = print) -> None:
        """Bring everything up; `fill` comes next."""
        packages.ensure_installed(say)
        self.at.make_directory()
        file = self.at.directory / "chaos-parts.json"
        parts = replicated(json.loads(PARTS.read_text(encoding="utf-8")))
        file.write_text(json.dumps(parts), encoding="utf-8")
        plan = make_plan(self.at, file, os.environ)
        self._start_proxies(plan)
        for part in parts["parts"]:
            if part["kind"] == "service":
                part["env"] = self._through_proxies(plan, part) | self.clocks.environment(part["name"])
                if self._breakage and part.get("service") == "dispatch":
                    part["command"] = ["-m", "tests.chaos.broken", self._breakage, part["command"][1]]
        file.write_text(json.dumps(parts), encoding="utf-8")
        self._mount(plan)
        self._start_supervisor(plan)

    def _mount(self, plan: Plan) -> None:
        if self._small_disks:
            assert plan.broker is not None
            assert plan.postgres is not None
            places = {"broker": plan.broker.directory / "mnesia", "postgres": plan.postgres.data}
            self.disks = {name: SmallDisk(place) for name, place in places.items()}
            for disk in self.disks.values():
                disk.mount()

    def _start_supervisor(self, plan: Plan) -> None:
        more = self.at.directory / "chaos-environment.json"
        more.write_text(json.dumps({name: self.clocks.environment(name) for name in SERVERS}), encoding="utf-8")
        log, command = self.at.log("supervisor"), [sys.executable, "-m", "tests.chaos.supervising"]
        child = process.spawn([*command, self.instance, str(more)], log=log, env=os.environ, cwd=CHECKOUT)
        identity = process.started(child)
        starting.wait_for(self.at, lambda state: state.supervisor == identity)
        starting.follow(self.at, lambda _line: None, START_SECONDS)

    def close(self) -> None:
        for name in list(self.proxies):
            self.proxies.pop(name).stop()
        down.down(self.at, say=lambda _line: None)
        for disk in self.disks.values():
            disk.unmount()
        super().close()
        self.clocks.close()

    def lasting_pid(self) -> int:
        """A process that lives as long as the stack, and sees the disks that only this run sees."""
        state = State.read(self.at)
        return 0 if state is None or state.supervisor is None else state.supervisor.pid

    def token(self) -> str:
        return self.plan.secrets["token"]

    def new_client(self, seconds: float) -> httpx.Client:
        """A client of the gateway for one thread."""
        headers = {"authorization": f"Bearer {self.token()}"}
        return httpx.Client(base_url=self.plan.address, headers=headers, timeout=seconds)

    @property
    def broker_url(self) -> str:
        """The broker itself, past the proxy."""
        assert self.plan.broker is not None
        return self.plan.broker.url()

    def identity(self, part: str) -> Identity | None:
        """The live process of a part or server, asked anew because it may just have been restarted."""
        plan = self.plan
        if part == "broker":
            return plan.broker.running() if plan.broker else None
        if part == "postgres":
            return plan.postgres.running() if plan.postgres else None
        state = State.read(self.at)
        found = next((p.identity for p in state.parts if p.name == part), None) if state else None
        return found if found is not None and found.alive() else None

    def signal(self, part: str, what: signal.Signals) -> bool:
        identity = self.identity(part)
        return identity is not None and process.send(identity, what)

    def unready(self) -> list[str]:
        """Names of the parts that do not run or do not answer; empty when all is well."""
        state = State.read(self.at)
        return ["supervisor"] if state is None else [p.name for p in state.parts if p.state not in {"ready", "done"}]

    def hurry(self) -> None:
        """What an operator does with `wangge up`: parts that wait for their next try are started at once."""
        state = State.read(self.at)
        if state is not None and state.supervisor is not None:
            process.send(state.supervisor, signal.SIGHUP)

    def audit(self) -> tuple[int, str]:
        """Exit code and words of `audit-verify`."""
        part = next(p for p in self.plan.parts.parts if p.name == "dispatch-migrate")
        command = [sys.executable, "-m", "services.dispatch.entrypoints.admin", "audit-verify"]
        done = subprocess.run(
            command, env=self.plan.environment(part), cwd=CHECKOUT, capture_output=True, text=True, check=False
        )
        return done.returncode, (done.stdout + done.stderr).strip()

    def _start_proxies(self, plan: Plan) -> None:
        chosen = ports.choose(["amqp", "db"], seed=f"{plan.instance.digest}-proxy", taken=plan.port.values())
        for name, server in (("amqp", "amqp"), ("db", "postgres")):
            self.proxies[name] = FaultProxy(name, chosen[name], plan.port[server])
            self.proxies[name].start()

    def _through_proxies(self, plan: Plan, part: dict[str, Any]) -> dict[str, str]:
        service = part.get("service")
        env = {"AMQP_URL": with_port(plan.amqp_url(service or part["name"]), self.proxies["amqp"].port)}
        if service:
            url_of = plan.database_url if part["kind"] == "task" else plan.service_database_url
            env["DATABASE_URL"] = with_port(url_of(service), self.proxies["db"].port)
        return env

    def fill(self) -> None:
        """The demo county, and a policy of second-long targets in force."""
        with tempfile.TemporaryDirectory(prefix="wangge-chaos-") as folder:
            self.wangge("county", "make", f"{folder}/county", "--demo", instance=False)
            self.wangge("county", "import", f"{folder}/county")
            file = Path(folder) / "policy.json"
            file.write_text(json.dumps(POLICY), encoding="utf-8")
            self.wangge("policy", "put", str(file))

        def in_force() -> bool:
            draft = {"source": "sensor", "category": "gas_leak", "priority": 1, "location": HERE, "exercise": True}
            incident = self.post("/v1/incidents", draft).json()["incident"]
            # A clock of the old policy would come due in the middle of the checks.
            self.post(f"/v1/incidents/{incident['incident_id']}/cancel", {"reason": "asked which policy is in force"})
            return bool(incident["policy"] == "chaos")

        eventually(in_force, within=20, every=0.5)
        for team in self.get("/v1/teams")["teams"]:
            # As the county is made, most calls of this load would find everybody busy.
            self.client.patch(f"/v1/teams/{team['team_id']}", json={"capacity": 3}).raise_for_status()


HERE = {"lat": 37.77, "lon": -122.42}


def replicated(parts: dict[str, Any]) -> dict[str, Any]:
    """The product's list of parts with a second replica of dispatch and of its sidecar, on ports of their own."""
    found = copy.deepcopy(parts)
    for part in parts["parts"]:
        if part["name"] in REPLICATED:
            twin = copy.deepcopy(part)
            twin["name"] += "-b"
            twin["ports"] = {key: f"{name}-b" for key, name in part["ports"].items()}
            twin["ready"] += "-b"
            found["parts"].append(twin)
    return found


def with_port(url: str, port: int) -> str:
    """The same URL at another port of this machine."""
    parts = urlsplit(url)
    credentials = parts.netloc.rpartition("@")[0]
    return urlunsplit((parts.scheme, f"{credentials}@127.0.0.1:{port}", parts.path, parts.query, ""))
