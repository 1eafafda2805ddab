"""`make compose-proof`: the containers do what is promised of them, seen from outside; about five minutes.

Everything up from images that are there; a demo county and a day of calls through the gateway, the report equal to the
oracle's; services and sidecars at three each, some of them killed in the middle of another day, still equal; a drill
goes all the way; the dashboards are drawn from what Prometheus saw, and no panel is empty that should not be; then
dispatch's sidecars are stopped, and Alertmanager hears of it. A project of its own (`wangge-proof`), taken down at the
end.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import httpx

from cli.stack import compose_secrets, ports
from cli.stack.instance import Instance
from cli.stack.parts import read_parts
from deploy.observability.dashboards import DASHBOARDS
from deploy.observability.pictures import draw
from tests.deploy.commands import Commands
from tests.deploy.compose import COMPOSE, ROOT
from tests.support.eventually import eventually

PROJECT = "wangge-proof"
PORTS = {
    "WANGGE_AMQP_PORT",
    "WANGGE_POSTGRES_PORT",
    "WANGGE_HTTP_PORT",
    "WANGGE_PROMETHEUS_PORT",
    "WANGGE_ALERTMANAGER_PORT",
}
SOMEWHERE = {"lat": 37.77, "lon": -122.42}
"""In the demo county."""
SCALED = ("registry", "registry-sidecar", "dispatch", "dispatch-sidecar")


class Proof(Commands):
    """One compose project, and what is said about it while it is looked at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.instance = Instance("compose", folder)
        permissions = json.loads((ROOT / compose_secrets.PERMISSIONS).read_text(encoding="utf-8"))
        compose_secrets.write(self.instance, read_parts(), permissions)
        self.port = ports.choose(sorted(PORTS), seed=str(folder))
        super().__init__({
            **os.environ, **{name: str(number) for name, number in self.port.items()},
            "WANGGE_SECRETS": str(self.instance.directory), "WANGGE_URL": f"http://127.0.0.1:{self.port['WANGGE_HTTP_PORT']}",
            "WANGGE_TOKEN": json.loads((self.instance.directory / "secrets").read_text(encoding="utf-8"))["token"],
        })  # fmt: skip

    def compose(self, *arguments: str) -> str:
        return self.run(COMPOSE, "--project-name", PROJECT, *arguments)

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "--quiet", service).split()

    def county(self) -> None:
        at = self.folder / "county"
        self.wangge("county", "make", at, "--demo")
        for each in (self.folder, at, *at.iterdir()):
            each.chmod(each.stat().st_mode | (0o055 if each.is_dir() else 0o044))
        self.compose(
            "run", "--rm", "--no-deps", "--volume", f"{at}:/county:ro", "registry-migrate", "import", "/county"
        )
        self.retried(lambda: self.wangge("county", "import", "--teams", at))

    def retried(self, act: Callable[[], object], within: float = 120) -> None:
        """On a crowded machine a call may run into its deadline; what is done twice here changes nothing."""
        begun = time.monotonic()
        while True:
            try:
                act()
            except AssertionError as failed:
                if "deadline_exceeded" not in str(failed) or time.monotonic() - begun > within:
                    raise
            else:
                return

    def kill_one_of_each(self) -> None:
        time.sleep(3)  # into the middle of the replay, wherever that is: the point is that it does not matter
        for service in ("dispatch", "dispatch-sidecar", "registry"):
            self.run("docker", "kill", self.containers(service)[0])

    def live_one(self) -> None:
        """One call, now: at whatever hour this runs, the figures of the last 24 hours have it."""
        token = {"Authorization": f"Bearer {self.environ['WANGGE_TOKEN']}"}
        with httpx.Client(base_url=self.environ["WANGGE_URL"], headers=token, timeout=30) as client:

            def told(path: str, **body: object) -> dict[str, Any]:
                return dict(client.post(path, json=body).raise_for_status().json())

            made = told("/v1/incidents", source="police", category="theft", location=SOMEWHERE, push=True)
            incident = f"/v1/incidents/{made['incident_id']}"
            for each in told(f"{incident}/assignments", auto=True)["assignments"]:
                for step in ("accept", "depart", "arrive", "clear"):
                    told(f"/v1/assignments/{each['assignment_id']}/{step}")
            told(f"{incident}/resolve", outcome="settled")

    def pictures(self, minutes: float) -> Path:
        """Where the dashboards of the last minutes are; AssertionError when a panel that should has nothing to show."""
        at, url = self.folder / "dashboards", f"http://127.0.0.1:{self.port['WANGGE_PROMETHEUS_PORT']}"
        panels = [panel for dashboard in DASHBOARDS for panel in dashboard.panels]
        self.live_one()

        def drawn() -> bool:
            found = draw(url, minutes + 5, at)
            assert not (empty := [panel.title for panel in panels if not (found[panel.title] or panel.seldom)]), empty
            return True

        # The drill asks for the figures by town once a minute, and of its own rounds a rate needs two.
        eventually(drawn, within=240, every=10)
        return at

    def alerted(self, name: str, within: float) -> float:
        """Seconds until Alertmanager has heard of the alert."""
        begun = time.monotonic()
        while time.monotonic() - begun < within:
            with urlopen(
                f"http://127.0.0.1:{self.port['WANGGE_ALERTMANAGER_PORT']}/api/v2/alerts", timeout=5
            ) as answer:
                if any(alert["labels"]["alertname"] == name for alert in json.load(answer)):
                    return time.monotonic() - begun
            time.sleep(1)
        raise AssertionError(f"{name} did not come within {within} s")


def prove(proof: Proof) -> None:
    begun = time.monotonic()
    proof.compose("up", "--detach", "--wait", *(part.name for part in read_parts().parts), "drill")
    say(f"up and ready after {time.monotonic() - begun:.0f} s")
    proof.county()
    say("demo county imported")
    proof.compose("up", "--detach", "prometheus", "alertmanager")
    say(proof.day(proof.folder, seed=11, load=1))
    proof.compose("up", "--detach", "--wait", "--no-recreate", *(f"--scale={each}=3" for each in SCALED), *SCALED)
    say(f"three each of {', '.join(SCALED)}")
    say(
        "with one dispatch, one of its sidecars and one registry killed: "
        + proof.day(proof.folder, 5, 4, proof.kill_one_of_each)
    )
    say("drill: " + proof.wangge("drill", "--once").strip())
    say(f"dashboards drawn: {proof.pictures((time.monotonic() - begun) / 60)}")
    verified = proof.compose("run", "--rm", "--no-deps", "dispatch-migrate", "audit-verify").strip().splitlines()[-1]
    say(f"audit: {verified}")
    proof.run("docker", "stop", *proof.containers("dispatch-sidecar"))
    seconds = proof.alerted("SidecarAway", 120)
    say(f"all of dispatch's sidecars stopped: SidecarAway at Alertmanager after {seconds:.0f} s")


def say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    folder = ROOT / ".run" / "compose-proof"
    folder.mkdir(parents=True, exist_ok=True)
    proof = Proof(folder)
    try:
        prove(proof)
    finally:
        proof.compose("down", "--volumes", "--timeout", "20")
    return 0


if __name__ == "__main__":
    sys.exit(main())
