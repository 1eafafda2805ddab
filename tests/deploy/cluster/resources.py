"""Manifests that a cluster without operators is given: the small ones that others are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.deploy.manifests import Manifest

NAMESPACE = "wangge"


def secret(name: str, values: Mapping[str, str], kind: str = "Opaque") -> Manifest:
    return _of("v1", "Secret", name, type=kind, stringData=dict(values))


def config_map(name: str, values: Mapping[str, str]) -> Manifest:
    return _of("v1", "ConfigMap", name, data=dict(values))


def service(name: str, selector: Mapping[str, str], port: int) -> Manifest:
    spec = {"selector": dict(selector), "ports": [{"name": "tls", "port": port, "targetPort": port}]}
    return _of("v1", "Service", name, spec=spec)


def stateful_set(name: str, labels: Mapping[str, str], pod: Mapping[str, Any]) -> Manifest:
    """One pod that keeps its name, with what every pod of a namespace of the restricted standard has to have."""
    restricted = {
        "runAsNonRoot": True, "runAsUser": 999, "runAsGroup": 999, "fsGroup": 999,
        "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    template = {
        "metadata": {"labels": dict(labels)},
        "spec": {
            "automountServiceAccountToken": False, "enableServiceLinks": False, "securityContext": restricted, **pod,
        },
    }  # fmt: skip
    spec = {"serviceName": name, "replicas": 1, "selector": {"matchLabels": dict(labels)}, "template": template}
    return _of("apps/v1", "StatefulSet", name, spec=spec)


def _of(version: str, kind: str, name: str, **more: Any) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, **more}
