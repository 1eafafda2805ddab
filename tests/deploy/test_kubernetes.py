"""deploy/k8s builds, says what Kubernetes understands, keeps the policies, and fits the code it starts."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.stack.parts import read_parts
from deploy.observability.resource import RESOURCE, resource
from tests.deploy import policies, probes
from tests.deploy.environment import complaints, refused_at_start
from tests.deploy.manifests import (
    ROOT,
    WORKLOADS,
    Manifest,
    container,
    everything,
    given,
    missing_secrets,
    of_kind,
    schema_problems,
)

OVERLAYS = ("dev", "county", "province")
WHOLE = ("county", "province")  # with secrets, servers and watching
PARTS = [part.name for part in read_parts().parts]
SIDECARS = {str(part.service) for part in read_parts().parts if part.name.endswith("-sidecar")}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_builds_and_says_what_kubernetes_understands(overlay: str) -> None:
    assert list(schema_problems(everything(overlay))) == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_keeps_the_policies(overlay: str) -> None:
    assert list(policies.violations(everything(overlay))) == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_probes_ask_open_ports_for_pages_that_are_served(overlay: str) -> None:
    assert list(probes.problems(everything(overlay))) == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_part_of_the_local_stack_is_rolled_out(overlay: str) -> None:
    assert set(of_kind(everything(overlay), *WORKLOADS)) == {*PARTS, "drill"}


@pytest.mark.parametrize("overlay", WHOLE)
@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_given_the_keys_it_needs_and_none_that_it_does_not_read(overlay: str, part: str) -> None:
    manifests = everything(overlay)
    assert complaints(part, set(given(manifests, of_kind(manifests, *WORKLOADS)[part]))) == []


@pytest.mark.parametrize("overlay", WHOLE)
@pytest.mark.parametrize("part", PARTS)
def test_a_part_would_start_in_production_with_what_it_is_given(overlay: str, part: str) -> None:
    manifests = everything(overlay)
    environ = given(manifests, of_kind(manifests, *WORKLOADS)[part])
    assert environ["WANGGE_MODE"] == "production"
    assert refused_at_start(part, environ) == []


def test_a_gateway_without_a_place_for_its_journal_is_noticed() -> None:
    manifests = everything("county")
    environ = given(manifests, of_kind(manifests, "StatefulSet")["gateway"])
    del environ["WANGGE_JOURNAL"]
    assert refused_at_start("gateway", environ) == ["WANGGE_JOURNAL"]


@pytest.mark.parametrize("overlay", WHOLE)
def test_every_secret_that_is_named_is_made_by_somebody(overlay: str) -> None:
    assert list(missing_secrets(everything(overlay))) == []


def test_no_overlay_holds_a_secret() -> None:
    assert [name for overlay in OVERLAYS for name in of_kind(everything(overlay), "Secret")] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_part_that_serves_survives_the_draining_of_a_node(overlay: str) -> None:
    manifests = everything(overlay)
    serving = set(of_kind(manifests, "Deployment", "StatefulSet")) - {"drill"}
    budgets = of_kind(manifests, "PodDisruptionBudget")
    assert serving <= set(budgets)
    for name in serving:
        assert budgets[name]["spec"]["selector"]["matchLabels"] == {"app.kubernetes.io/name": name}


@pytest.mark.parametrize("overlay", WHOLE)
def test_every_service_is_scaled_by_the_time_that_waits_in_its_queues(overlay: str) -> None:
    scaled = of_kind(everything(overlay), "ScaledObject")
    assert set(scaled) == SIDECARS
    for name, each in scaled.items():
        queues = [trigger["metadata"]["queueName"] for trigger in each["spec"]["triggers"]]
        assert f"rpc-{name}" in queues
        assert {trigger["metadata"]["mode"] for trigger in each["spec"]["triggers"]} == {"ExpectedQueueConsumptionTime"}


@pytest.mark.parametrize("overlay", WHOLE)
def test_a_rollout_takes_away_no_replica_that_a_scaler_has_added(overlay: str) -> None:
    manifests = everything(overlay)
    scalers = of_kind(manifests, "ScaledObject") | of_kind(manifests, "HorizontalPodAutoscaler")
    sized = {
        name for name, each in of_kind(manifests, "Deployment", "StatefulSet").items() if "replicas" in each["spec"]
    }
    assert sized & set(scalers) == set()
    assert sized | set(scalers) == set(of_kind(manifests, "Deployment", "StatefulSet"))
    least = [each["spec"].get("minReplicaCount") or each["spec"]["minReplicas"] for each in scalers.values()]
    assert min(least) >= 2


@pytest.mark.parametrize("overlay", WHOLE)
def test_nothing_may_talk_unless_a_policy_names_it(overlay: str) -> None:
    network = of_kind(everything(overlay), "NetworkPolicy")
    assert network["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    open_to_all = [
        name for name, each in network.items() for rule in each["spec"].get("ingress", ()) if not rule.get("from")
    ]
    assert open_to_all == []


def test_the_namespace_enforces_the_restricted_standard() -> None:
    for overlay in OVERLAYS:
        [namespace] = of_kind(everything(overlay), "Namespace").values()
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("overlay", WHOLE)
def test_the_broker_users_of_the_cluster_are_those_of_permissions_json(overlay: str) -> None:
    manifests = everything(overlay)
    users = json.loads((ROOT / "deploy" / "broker" / "permissions.json").read_text(encoding="utf-8"))["users"]
    found = {
        each["spec"]["userReference"]["name"]: {**each["spec"]["permissions"], "topics": {}}
        for each in of_kind(manifests, "Permission").values()
    }
    for each in of_kind(manifests, "TopicPermission").values():
        rights = dict(each["spec"]["permissions"])
        found[each["spec"]["userReference"]["name"]]["topics"][rights.pop("exchange")] = rights
    assert found == users
    assert set(of_kind(manifests, "User")) == set(users)


def test_broker_and_database_are_three_each_and_speak_nothing_but_tls() -> None:
    for overlay in WHOLE:
        manifests = everything(overlay)
        [broker] = of_kind(manifests, "RabbitmqCluster").values()
        [database] = of_kind(manifests, "Cluster").values()
        assert broker["spec"]["replicas"] == database["spec"]["instances"] == 3
        assert broker["spec"]["tls"]["disableNonTLSListeners"] is True
        assert "hostnossl all all all reject" in database["spec"]["postgresql"]["pg_hba"]
        assert database["spec"]["postgresql"]["synchronous"]["number"] == 1


def test_the_alerts_of_the_cluster_are_those_of_the_rules_file() -> None:
    assert RESOURCE.read_text(encoding="utf-8") == resource(), "make observability"


def without_probe(manifests: list[Manifest]) -> None:
    del of_kind(manifests, "Deployment")["dispatch"]["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]


def with_wrong_page(manifests: list[Manifest]) -> None:
    container(of_kind(manifests, "StatefulSet")["gateway"])["readinessProbe"]["httpGet"]["path"] = "/health"


def with_wrong_port(manifests: list[Manifest]) -> None:
    container(of_kind(manifests, "Deployment")["registry-sidecar"])["ports"][0]["containerPort"] = 9116


def with_a_liveness_that_looks_at_the_broker(manifests: list[Manifest]) -> None:
    container(of_kind(manifests, "Deployment")["dispatch"])["livenessProbe"]["httpGet"]["path"] = "/ready"


@pytest.mark.parametrize(
    "break_it", [without_probe, with_wrong_page, with_wrong_port, with_a_liveness_that_looks_at_the_broker]
)
def test_a_broken_probe_is_noticed(break_it: Callable[[list[Manifest]], None]) -> None:
    manifests = everything("county")
    break_it(manifests)
    assert len(list(probes.problems(manifests))) >= 1


def test_a_wrong_or_missing_key_is_noticed() -> None:
    manifests = everything("county")
    settings = of_kind(manifests, "ConfigMap")["settings"]["data"]
    settings["WANGGE_LOGLEVEL"] = settings.pop("WANGGE_LOG_LEVEL")
    keys = set(given(manifests, of_kind(manifests, "Deployment")["dispatch"]))
    assert complaints("dispatch", keys) == ["dispatch is given WANGGE_LOGLEVEL, which it does not read"]
    secret = of_kind(manifests, "ExternalSecret")["dispatch"]["spec"]
    secret["data"] = [entry for entry in secret["data"] if entry["secretKey"] != "AMQP_URL"]
    keys = set(given(manifests, of_kind(manifests, "Deployment")["dispatch-sidecar"]))
    assert "dispatch-sidecar is not given AMQP_URL" in complaints("dispatch-sidecar", keys)


def test_a_misspelt_field_is_noticed_in_kubernetes_and_in_operators_resources() -> None:
    manifests = everything("county")
    of_kind(manifests, "Deployment")["dispatch"]["spec"]["replica"] = 2
    of_kind(manifests, "RabbitmqCluster")["broker"]["spec"]["replica"] = 3
    assert len(list(schema_problems(manifests))) == 2


@pytest.mark.parametrize("rule", policies.RULES, ids=lambda rule: rule.__name__)
def test_a_pod_that_says_nothing_breaks_every_policy_that_can_be_broken_by_silence(
    rule: Callable[[Manifest], bool],
) -> None:
    bare = {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "x"}]}}}}
    loud = {
        **bare, "spec": {"template": {"spec": {"hostNetwork": True, "terminationGracePeriodSeconds": 3, "containers": [
            {"name": "main", "image": "x:latest", "resources": {"limits": {"cpu": "1"}}}]}}},
    }  # fmt: skip
    assert not rule(bare) or not rule(loud)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_a_migration_needs_is_there_before_it_runs(overlay: str) -> None:
    label = "app.kubernetes.io/component"
    assert f"--selector '!{label}'" in (ROOT / "deploy" / "k8s" / "rollout").read_text(encoding="utf-8")
    manifests = everything(overlay)
    late = {kind for each in manifests if label in each["metadata"].get("labels", {}) for kind in [each["kind"]]}
    assert late == {"Deployment", "StatefulSet", "Job"}
    accounts = of_kind(manifests, "ServiceAccount")
    for job in of_kind(manifests, "Job").values():
        assert job["spec"]["template"]["spec"]["serviceAccountName"] in accounts


def test_every_overlay_says_how_it_is_rolled_out() -> None:
    script = (ROOT / "deploy" / "k8s" / "rollout").read_text(encoding="utf-8")
    for name, each in of_kind(everything("county"), "Deployment", "StatefulSet").items():
        assert f"{each['kind'].lower()}/{name}" in re.split(r"[\s;]+", script)
    assert all((Path(ROOT, "deploy/k8s/overlays", overlay, "migrate")).is_dir() for overlay in OVERLAYS)
