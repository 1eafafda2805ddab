"""`make cluster-proof`: the county's manifests do on a Kubernetes cluster what is promised; about ten minutes.

Run inside `deploy/cluster/node`, which makes a cluster of one node for it, everything is put there first: what
operators would make, then `deploy/k8s/rollout`. With `--as-it-stands` it is what was rolled out before on the cluster
of the current context, a test cluster, reached at WANGGE_URL with the key WANGGE_TOKEN.

A demo county and a day of calls through the gateway's Service, the report equal to the oracle's; dispatch scaled to
three and one of its pods deleted in the middle of another; everything rolled anew under calls of which each comes
once; no call refused or lost, no container started twice, every timeline whole.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests.deploy.cluster.installation import Installation
from tests.deploy.cluster.kubectl import Kubectl
from tests.deploy.cluster.play import Play
from tests.deploy.manifests import ROOT

FOLDER = ROOT / ".run" / "cluster-proof"
SCALED = "deployment/dispatch"
ROLLED = ("deployment,statefulset", "--selector", "app.kubernetes.io/part-of=wangge")
PARTS = ("deployment/registry", "deployment/registry-sidecar", "deployment/dispatch", "deployment/dispatch-sidecar",
         "statefulset/gateway", "deployment/drill")  # fmt: skip
GRACE = 40.0


class Proof:
    """What is looked at, and said about it."""

    def __init__(self, kubectl: Kubectl, play: Play) -> None:
        self.kubectl, self.play = kubectl, play

    def prove(self) -> None:
        self.play.county()
        say("demo county imported")
        say(self.play.day(seed=11, load=1))
        say(
            "dispatch scaled to three, one of its pods deleted meanwhile: " + self.play.day(5, 4, self.scale_and_delete)
        )
        with self.play.callers() as callers:
            said = self.play.day(7, 4, self.roll_everything)
        say(f"everything rolled anew meanwhile: {said}")
        say(f"calls of which each came once: {self.play.judged(callers)}")
        say("drill: " + self.kubectl.wangge("drill", "--once").strip())
        verified = (
            self.kubectl.in_part("deployment/dispatch", "/opt/wangge/role", "audit-verify").strip().splitlines()[-1]
        )
        say(f"audit: {verified}")
        assert (restarted := self.restarted()) == [], restarted
        say("no container was started twice")

    def scale_and_delete(self) -> None:
        self.kubectl("scale", SCALED, "--replicas", "3")
        self.kubectl("rollout", "status", SCALED, "--timeout", "5m")
        [oldest, *_] = sorted(
            self.kubectl.items("pods", "app.kubernetes.io/name=dispatch"),
            key=lambda pod: str(pod["metadata"]["creationTimestamp"]),
        )
        begun = time.monotonic()
        self.kubectl("delete", "pod", oldest["metadata"]["name"], "--wait", "--timeout", "2m")
        seconds = time.monotonic() - begun
        assert seconds < GRACE, f"the pod did not end by itself: gone after {seconds:.0f} s"
        say(f"a pod of dispatch, told to end, was gone after {seconds:.1f} s")
        self.kubectl("rollout", "status", SCALED, "--timeout", "5m")

    def roll_everything(self) -> None:
        begun = time.monotonic()
        self.kubectl("rollout", "restart", *ROLLED)
        for part in PARTS:
            self.kubectl("rollout", "status", part, "--timeout", "10m")
        say(f"all parts are new after {time.monotonic() - begun:.0f} s")

    def restarted(self) -> list[str]:
        """Containers that were started more than once, by pod."""
        return [
            f"{pod['metadata']['name']}: {status['restartCount']} times, last {status.get('lastState')}"
            for pod in self.kubectl.items("pods")
            for status in pod["status"].get("containerStatuses", ())
            if status["restartCount"]
        ]


def say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--as-it-stands", action="store_true", help="on the cluster of the current context")
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    kubectl = Kubectl(os.environ)
    if given.as_it_stands:
        url, token = os.environ["WANGGE_URL"], os.environ["WANGGE_TOKEN"]
    else:
        installation = Installation(kubectl, Path(FOLDER))
        url, token = installation.make(say)
    play = Play(kubectl, FOLDER, url, token)
    try:
        Proof(kubectl, play).prove()
    except AssertionError:
        say(kubectl("get", "pods", "--output", "wide"))
        say(kubectl("get", "events", "--sort-by", ".lastTimestamp")[-4000:])
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
