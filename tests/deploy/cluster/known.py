"""What the API server of a cluster knows. One that is older than a manifest is sent what it knows; the rest is listed.

A kind that the server has in other versions only is sent in the one that keeps most of it, a field that it does not
know is left out, and so is a whole manifest of a kind that it has never heard of. Each is a difference, told in a
sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.deploy.manifests import Manifest

KIND = "x-kubernetes-group-version-kind"
_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")


class Known:
    """The kinds, versions and fields of one API server, as its OpenAPI document (version 2) lists them."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._definitions: Mapping[str, Any] = document["definitions"]
        self._kinds: dict[tuple[str, str], dict[str, str]] = {}
        for name, definition in self._definitions.items():
            for each in definition.get(KIND, ()):
                self._kinds.setdefault((each["group"], each["kind"]), {})[each["version"]] = name
        self.differences: dict[str, list[str]] = {}

    def fitted(self, manifests: Sequence[Manifest]) -> list[Manifest]:
        """What of `manifests` can be sent, in their order; `differences` gains what cannot, with whose it is."""
        return [each for manifest in manifests if (each := self._fit(manifest)) is not None]

    def told(self) -> list[str]:
        """The differences, a sentence each."""
        return [f"{what}: {', '.join(whose)}" for what, whose in self.differences.items()]

    def _fit(self, manifest: Manifest) -> Manifest | None:
        group, _, version = manifest["apiVersion"].rpartition("/")
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        versions = self._kinds.get((group, kind))
        if versions is None:
            self._differs(f"no {kind} ({group}) here", name)
            return None
        offered = [version] if version in versions else sorted(versions, key=maturity, reverse=True)
        tried = [(each, *self._sent(manifest, group, each, versions[each])) for each in offered]
        chosen, sent, lost = min(tried, key=lambda one: len(one[2]))  # of equals the most mature
        if chosen != version:
            self._differs(f"{kind} as {group}/{chosen} instead of {version}", name)
        for path in lost:
            self._differs(f"{kind} {path} is not known and left out", name)
        return sent

    def _sent(self, manifest: Manifest, group: str, version: str, definition: str) -> tuple[Manifest, list[str]]:
        """The manifest as one version of its kind, and the fields that this version does not have."""
        lost: list[str] = []
        sent = {**manifest, "apiVersion": f"{group}/{version}" if group else version}
        return dict(self._pruned(sent, self._definitions[definition], "", lost)), lost

    def _pruned(self, value: Any, schema: Mapping[str, Any], path: str, lost: list[str]) -> Any:
        schema = self._resolved(schema)
        if isinstance(value, list):
            return [self._pruned(each, schema.get("items", {}), f"{path}[]", lost) for each in value]
        if not isinstance(value, dict):
            return value
        if "properties" not in schema:
            inner = schema.get("additionalProperties", {})
            return {key: self._pruned(each, inner, f"{path}.*", lost) for key, each in value.items()}
        kept = {}
        for key, each in value.items():
            at = f"{path}.{key}".removeprefix(".")
            if key in schema["properties"]:
                kept[key] = self._pruned(each, schema["properties"][key], at, lost)
            elif at not in lost:
                lost.append(at)
        return kept

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = schema.get("$ref")
        return self._definitions[reference.rpartition("/")[2]] if reference else schema

    def _differs(self, what: str, whose: str) -> None:
        names = self.differences.setdefault(what, [])
        if whose not in names:
            names.append(whose)


def maturity(version: str) -> tuple[int, int, int]:
    """Orders versions of an API as Kubernetes does: v2, v1, v1beta2, v1beta1, v1alpha1. Raises ValueError."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError(f"{version} is no version of an API of Kubernetes")
    return {None: 2, "beta": 1, "alpha": 0}[match[2]], int(match[1]), int(match[3] or 0)
