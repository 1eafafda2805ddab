"""What kustomize makes of an overlay, and what may be asked about it. A problem is a sentence; none is a good sign."""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "deploy" / "k8s"
KUBECTL = Path(sys.executable).with_name("kubectl")
KUBERNETES = "1.33"  # the oldest release that its makers still mend; newer ones take away only what is not used here
CRDS = {path.name.removesuffix(".json"): path for path in (ROOT / "tests" / "deploy" / "schemas").glob("*.json")}
WORKLOADS = ("Deployment", "StatefulSet", "Job")

Manifest = dict[str, Any]


@cache
def built(overlay: str) -> tuple[Manifest, ...]:
    """Documents of one overlay, as `kubectl apply --kustomize` would send them."""
    done = subprocess.run(
        [KUBECTL, "kustomize", K8S / "overlays" / overlay], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def everything(overlay: str) -> list[Manifest]:
    """A fresh copy of all that a rollout of the overlay applies, migrations first; a test may change it."""
    return list(json.loads(json.dumps([*built(f"{overlay}/migrate"), *built(overlay)])))


def of_kind(manifests: list[Manifest], *kinds: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] in kinds}


def pod(workload: Manifest) -> Manifest:
    return dict(workload["spec"]["template"]["spec"])


def container(workload: Manifest) -> Manifest:
    [only] = pod(workload)["containers"]
    return dict(only)


def schema_problems(manifests: list[Manifest]) -> Iterator[str]:
    """Kubernetes' own schemas, strictly (an unknown field is a typing error); ours for the resources of operators."""
    for each in manifests:
        name = f"{each['kind']} {each['metadata']['name']}"
        group = each["apiVersion"].partition("/")[0]
        if group in CRDS:
            schema = json.loads(CRDS[group].read_text(encoding="utf-8"))
            for error in jsonschema.Draft202012Validator(schema).iter_errors(each):
                yield f"{name}: {error.json_path}: {error.message}"
            continue
        try:
            kubernetes_validate.validate(each, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{name}: {list(error.path)}: {error.message}"


def given(manifests: list[Manifest], workload: Manifest) -> dict[str, str | None]:
    """The environment of the workload's container, that of its config maps too; None where a secret is referred to."""
    main = container(workload)
    environ: dict[str, str | None] = {}
    maps = of_kind(manifests, "ConfigMap")
    secrets = of_kind(manifests, "ExternalSecret")
    for source in main.get("envFrom", ()):
        if "configMapRef" in source:
            environ |= maps[source["configMapRef"]["name"]]["data"]
        else:
            secret = secrets[source["secretRef"]["name"]]
            environ |= {entry["secretKey"]: None for entry in secret["spec"]["data"]}
    return environ | {entry["name"]: entry["value"] for entry in main.get("env", ())}


def missing_secrets(manifests: list[Manifest]) -> Iterator[str]:
    """Secrets that a pod or an operator's resource names and nothing makes."""
    made = set(of_kind(manifests, "ExternalSecret"))
    made |= {each["spec"]["secretName"] for each in of_kind(manifests, "Certificate").values()}
    for name, workload in of_kind(manifests, *WORKLOADS).items():
        named = {volume["secret"]["secretName"] for volume in pod(workload).get("volumes", ()) if "secret" in volume}
        named |= {each["secretRef"]["name"] for each in container(workload).get("envFrom", ()) if "secretRef" in each}
        yield from (f"{name}: no secret {secret}" for secret in sorted(named - made))
    for user in of_kind(manifests, "User").values():
        if (secret := user["spec"]["importCredentialsSecret"]["name"]) not in made:
            yield f"broker user {user['metadata']['name']}: no secret {secret}"
