"""Whether every port speaks TLS, ours with a certificate of its own, and whoever asks there checks it."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.deploy.manifests import Manifest, container, of_kind, pod
from tests.deploy.probes import PURPOSE

AUTHORITY = {"secret": {"name": "wangge-authority", "key": "ca.crt"}}
FILES = {"WANGGE_TLS_CERTIFICATE": "tls.crt", "WANGGE_TLS_KEY": "tls.key"}


def problems(manifests: list[Manifest]) -> Iterator[str]:
    taken: dict[str, str] = {}
    for name, workload in of_kind(manifests, "Deployment", "StatefulSet").items():
        secret = _secret(workload)
        if secret is None:
            yield f"{name} reads no certificate and key from a volume of its own that cannot be written"
        elif (other := taken.setdefault(secret, name)) != name:
            yield f"{name} shows the certificate of {other}"
        yield from _probes(name, workload)
        yield from _monitors(name, workload, manifests, _names(manifests, secret))
    yield from _unchecked(manifests)


def _secret(workload: Manifest) -> str | None:
    """The secret in which both files are that the process is told of."""
    told = {each["name"]: PurePosixPath(each["value"]) for each in container(workload).get("env", ())}
    if not told.keys() >= FILES.keys():
        return None
    paths = {told[key].parent for key in FILES}
    mounts = [
        each["name"]
        for each in container(workload)["volumeMounts"]
        if each.get("readOnly") and {PurePosixPath(each["mountPath"])} == paths
    ]
    volumes = {each["name"]: each.get("secret", {}) for each in pod(workload)["volumes"]}
    for mount in mounts:
        shown = {each["key"]: each["path"] for each in volumes.get(mount, {}).get("items", ())}
        if shown == {file: told[key].name for key, file in FILES.items()}:
            return str(volumes[mount]["secretName"])
    return None


def _names(manifests: list[Manifest], secret: str | None) -> list[str]:
    """Of the certificate that the county's authority puts into that secret."""
    for each in of_kind(manifests, "Certificate").values():
        spec = each["spec"]
        if spec["secretName"] == secret and spec["issuerRef"]["name"] == "wangge" and "server auth" in spec["usages"]:
            return list(spec["dnsNames"])
    return []


def _probes(name: str, workload: Manifest) -> Iterator[str]:
    for probe in PURPOSE:
        if container(workload)[probe]["httpGet"].get("scheme") != "HTTPS":
            yield f"{name}: {probe} asks in clear text"


def _monitors(name: str, workload: Manifest, manifests: list[Manifest], names: list[str]) -> Iterator[str]:
    """Every port is looked at, by nobody who does not ask for the part's own name."""
    labels = workload["spec"]["template"]["metadata"]["labels"]
    endpoints = [
        endpoint
        for monitor in of_kind(manifests, "PodMonitor").values()
        if monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
        for endpoint in monitor["spec"]["podMetricsEndpoints"]
    ]
    for port in container(workload)["ports"]:
        asked_for = [each.get("tlsConfig", {}).get("serverName") for each in endpoints if each["port"] == port["name"]]
        if not asked_for:
            yield f"{name}: nobody looks at its port {port['name']}"
        yield from (
            f"{name}: its certificate is for {names}, not for {each}" for each in asked_for if each not in names
        )


def _unchecked(manifests: list[Manifest]) -> Iterator[str]:
    """Figures that are read in clear text, or from whoever answers; those of broker and database too."""
    known = {name for each in of_kind(manifests, "Certificate").values() for name in each["spec"].get("dnsNames", ())}
    for name, monitor in of_kind(manifests, "PodMonitor").items():
        for each in monitor["spec"]["podMetricsEndpoints"]:
            tls = each.get("tlsConfig", {})
            if each.get("scheme") != "https":
                yield f"{name}: port {each['port']} is read in clear text"
            elif tls.get("ca") != AUTHORITY or tls.get("insecureSkipVerify") or tls.get("serverName") not in known:
                yield f"{name}: port {each['port']} is read from whoever answers there"
