"""kubectl on the cluster of the current context, in our namespace."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml

from tests.deploy.cluster.resources import NAMESPACE
from tests.deploy.commands import Commands
from tests.deploy.manifests import Manifest


class Kubectl(Commands):
    """kubectl, and other programs in its environment."""

    def __call__(self, *arguments: str, given: str | None = None) -> str:
        return self.run("kubectl", "--namespace", NAMESPACE, *arguments, given=given)

    def apply(self, manifests: Sequence[Manifest]) -> None:
        self("apply", "--filename", "-", given=yaml.safe_dump_all(manifests))

    def items(self, kind: str, selector: str = "") -> list[Any]:
        """Objects of a kind, only those with these labels."""
        chosen = ["--selector", selector] if selector else []
        return list(json.loads(self("get", kind, *chosen, "--output", "json"))["items"])

    def in_part(self, part: str, *command: str) -> str:
        """What a command says in the first pod of `kind/name`."""
        return self("exec", part, "--container", "main", "--", *command)
