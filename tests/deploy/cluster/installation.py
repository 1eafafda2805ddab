"""Puts the county's overlay on a bare cluster: what operators would make, then the rollout as anybody does it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from cli.stack.instance import Instance
from cli.stack.keys import load_or_make
from cli.stack.parts import read_parts
from tests.deploy.cluster import servers
from tests.deploy.cluster.authority import Authority, certificates
from tests.deploy.cluster.known import Known
from tests.deploy.cluster.kubectl import Kubectl
from tests.deploy.cluster.overlay import OVERLAY, Overlay
from tests.deploy.cluster.resources import secret
from tests.deploy.cluster.store import LATER, Store
from tests.deploy.manifests import everything, of_kind

GATEWAY = "statefulset/gateway"
URL = "https://gateway.wangge.svc:8115"
ROLES = {
    "cluster-proof": ("dispatcher", "county_lead"),
    LATER: ("integration", "ops"),
}  # fmt: skip
COUNTY = "999999"


class Installation:
    """One installation on the cluster of the current context."""

    def __init__(self, kubectl: Kubectl, folder: Path) -> None:
        self._kubectl, self._folder = kubectl, folder

    def make(self, say: Callable[[str], None]) -> tuple[str, str]:
        """Everything up and ready; where the gateway is, and a key for it. Whom to trust is in the environment."""
        overlay = Overlay(Known(json.loads(self._kubectl("get", "--raw", "/openapi/v2"))))
        overlay.write(self._folder / "overlay")
        for line in overlay.differences():
            say(f"differs: {line}")
        self._servers(overlay)
        begun = time.monotonic()
        say(self._kubectl.run("deploy/k8s/rollout", str(self._folder / "overlay")).strip().splitlines()[-1])
        say(f"rolled out after {time.monotonic() - begun:.0f} s")
        token = self._key("cluster-proof")
        self._kubectl.apply([secret(LATER, {"WANGGE_TOKEN": self._key(LATER)})])
        self._kubectl("rollout", "status", f"deployment/{LATER}", "--timeout", "5m")
        return URL, token

    def _servers(self, overlay: Overlay) -> None:
        """Namespace, secrets, broker and database: what a cluster with operators has before a rollout."""
        manifests, parts = everything(OVERLAY), read_parts()
        instance = Instance("secrets", self._folder)
        instance.directory.mkdir(parents=True, exist_ok=True)
        secrets = load_or_make(instance, parts.user_names)
        authority = Authority("wangge-authority")
        trusted = self._folder / "authority.crt"
        trusted.write_text(authority.trusted, encoding="ascii")
        self._kubectl.environ["SSL_CERT_FILE"] = str(trusted)
        self._kubectl.apply(
            [
                *of_kind(overlay.parts, "Namespace").values(),
                *certificates(manifests, authority),
                *Store(parts, secrets).secrets_of(manifests),
                *servers.broker(manifests, parts, secrets),
                *servers.database(manifests, parts, secrets),
            ]
        )
        for server in ("database", "broker"):
            self._kubectl("rollout", "status", f"statefulset/{server}", "--timeout", "5m")

    def _key(self, name: str) -> str:
        """A key from the county's own accounts, as docs/operations.md has it."""
        roles = [word for role in ROLES[name] for word in ("--role", role)]
        said = self._kubectl.in_part(
            GATEWAY, "python", "-m", "cli.accounts", "api-client", "add", name, *roles, "--jurisdiction", COUNTY
        )
        return said.split()[-1]
