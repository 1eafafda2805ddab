"""An overlay that a bare cluster can be given: the county's, with what operators would make of their resources.

`deploy/k8s/rollout` is run with it as it is run with any other. What is not as the county's is listed, nothing else
differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.deploy.cluster.known import Known
from tests.deploy.manifests import CRDS, WORKLOADS, Manifest, built, container, of_kind

OVERLAY = "county"
CPU_DIVIDED_BY = 5
"""The county's requests are for machines that do nothing else; on two cores its pods would wait for each other."""


class Overlay:
    """What the cluster is given, and how it differs from the county's overlay."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self._least = {
            each["spec"]["scaleTargetRef"]["name"]: each["spec"]["minReplicaCount"]
            for each in of_kind(built(OVERLAY), "ScaledObject").values()
        }
        self.parts = [self._placed(each) for each in known.fitted(ours(built(OVERLAY)))]
        self.migrations = [self._placed(each) for each in known.fitted(ours(built(f"{OVERLAY}/migrate")))]

    def write(self, folder: Path) -> None:
        """An overlay in `folder`, with its migrations, as `deploy/k8s/rollout` wants it."""
        for at, manifests in ((folder, self.parts), (folder / "migrate", self.migrations)):
            at.mkdir(parents=True, exist_ok=True)
            (at / "all.yaml").write_text(yaml.safe_dump_all(manifests, sort_keys=False), encoding="utf-8")
            (at / "kustomization.yaml").write_text("resources: [all.yaml]\n", encoding="utf-8")

    def differences(self) -> Iterator[str]:
        """A sentence each."""
        operators = sorted({each["kind"] for each in built(OVERLAY) if group(each) in CRDS})
        yield f"without operators; not applied: {', '.join(operators)}"
        yield "in their place: secrets, certificates, one RabbitMQ and one PostgreSQL, as their resources say"
        yield f"as many replicas as KEDA would begin with: {', '.join(self._least)}"
        yield f"requests of CPU divided by {CPU_DIVIDED_BY}; images as built here"
        yield from self.known.told()

    def _placed(self, manifest: Manifest) -> Manifest:
        if manifest["kind"] in WORKLOADS:
            main = manifest["spec"]["template"]["spec"]["containers"][0]
            main["image"] = local(main["image"])
            requests = main["resources"]["requests"]
            requests["cpu"] = f"{int(requests['cpu'].removesuffix('m')) // CPU_DIVIDED_BY}m"
            if manifest["metadata"]["name"] in self._least:
                manifest["spec"].setdefault("replicas", self._least[manifest["metadata"]["name"]])
        return manifest

    @property
    def images(self) -> set[str]:
        """The images of all pods."""
        return {container(each)["image"] for each in of_kind([*self.parts, *self.migrations], *WORKLOADS).values()}


def ours(manifests: tuple[Manifest, ...]) -> list[Manifest]:
    """What Kubernetes itself knows; the rest is for operators."""
    return [each for each in manifests if group(each) not in CRDS]


def group(manifest: Manifest) -> str:
    return str(manifest["apiVersion"]).partition("/")[0]


def local(image: str) -> str:
    """`registry.county.example/wangge/dispatch:0.1.0` as `make images` names it."""
    return f"wangge/{image.rpartition('/')[2].partition(':')[0]}:dev"
