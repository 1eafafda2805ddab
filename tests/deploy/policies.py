"""Rules that every pod of ours keeps, as linters of manifests have them, each with what would happen otherwise.

What such linters also ask and is not asked here, and why: a limit of CPU (a throttled sidecar fires deadlines late;
requests keep the share), an image by digest (the county's release process writes it into its overlay), AppArmor by
annotation (a node's business; seccomp is on), anti-affinity (topology spread does it, and lets a small cluster start).
"""

from collections.abc import Callable, Iterator

from tests.deploy.manifests import WORKLOADS, Manifest, container, of_kind, pod

DRAIN_SECONDS = 20  # architecture: exit 0 within 20 s of SIGTERM
PRESTOP_SECONDS = 5
RESOURCES = ("cpu", "memory")


def runs_as_nobody(workload: Manifest) -> bool:
    context = pod(workload).get("securityContext", {})
    return context.get("runAsNonRoot") is True and context.get("runAsUser") == 10001


def keeps_no_capability(workload: Manifest) -> bool:
    return bool(container(workload).get("securityContext", {}).get("capabilities") == {"drop": ["ALL"]})


def gains_no_privilege(workload: Manifest) -> bool:
    return container(workload).get("securityContext", {}).get("allowPrivilegeEscalation") is False


def has_a_root_that_cannot_be_written(workload: Manifest) -> bool:
    return container(workload).get("securityContext", {}).get("readOnlyRootFilesystem") is True


def is_confined_by_seccomp(workload: Manifest) -> bool:
    return bool(pod(workload).get("securityContext", {}).get("seccompProfile") == {"type": "RuntimeDefault"})


def holds_no_token_of_the_cluster(workload: Manifest) -> bool:
    own_account = pod(workload).get("serviceAccountName", "default") != "default"
    return own_account and pod(workload).get("automountServiceAccountToken") is False


def shares_nothing_of_the_node(workload: Manifest) -> bool:
    spec = pod(workload)
    return not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")) and not any(
        "hostPath" in volume for volume in spec.get("volumes", ())
    )


def says_what_it_needs(workload: Manifest) -> bool:
    resources = container(workload).get("resources", {})
    return set(resources.get("requests", {})) == set(RESOURCES) and "memory" in resources.get("limits", {})


def is_not_throttled(workload: Manifest) -> bool:
    return "cpu" not in container(workload).get("resources", {}).get("limits", {})


def names_its_image_by_version(workload: Manifest) -> bool:
    _, _, tag = container(workload)["image"].rpartition(":")
    return tag not in {"", "latest"} and "/" not in tag


def has_three_probes(workload: Manifest) -> bool:
    if workload["kind"] == "Job":
        return True
    return {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container(workload))


def has_longer_to_end_than_its_drain(workload: Manifest) -> bool:
    if workload["kind"] == "Job":
        return True
    return int(pod(workload).get("terminationGracePeriodSeconds", 30)) >= DRAIN_SECONDS + PRESTOP_SECONDS


def goes_to_different_machines(workload: Manifest) -> bool:
    if workload["kind"] == "Job":
        return True
    keys = {each["topologyKey"] for each in pod(workload).get("topologySpreadConstraints", ())}
    return keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


RULES: tuple[Callable[[Manifest], bool], ...] = (
    runs_as_nobody,
    keeps_no_capability,
    gains_no_privilege,
    has_a_root_that_cannot_be_written,
    is_confined_by_seccomp,
    holds_no_token_of_the_cluster,
    shares_nothing_of_the_node,
    says_what_it_needs,
    is_not_throttled,
    names_its_image_by_version,
    has_three_probes,
    has_longer_to_end_than_its_drain,
    goes_to_different_machines,
)


def violations(manifests: list[Manifest]) -> Iterator[str]:
    for name, workload in of_kind(manifests, *WORKLOADS).items():
        for rule in RULES:
            if not rule(workload):
                yield f"{name}: not ({rule.__name__.replace('_', ' ')})"
