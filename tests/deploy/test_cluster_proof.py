"""What `make cluster-proof` sends to a cluster: no more than its server knows, and every secret that is asked for."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from cli.stack.instance import Instance
from cli.stack.keys import load_or_make
from cli.stack.parts import read_parts
from tests.deploy.cluster import servers
from tests.deploy.cluster.authority import Authority, certificates
from tests.deploy.cluster.known import KIND, Known, maturity
from tests.deploy.cluster.overlay import Overlay, local
from tests.deploy.cluster.store import LATER, Store, referred_to
from tests.deploy.environment import refused_at_start
from tests.deploy.manifests import WORKLOADS, Manifest, built, container, everything, given, of_kind, pod


def kind(group: str, version: str, name: str, **properties: Any) -> dict[str, Any]:
    described = {"properties": {"metadata": {}, "kind": {}, "apiVersion": {}, **properties}}
    return {**described, KIND: [{"group": group, "version": version, "kind": name}]}


def known() -> Known:
    spread = {"type": "array", "items": {"$ref": "#/definitions/Spread"}}
    return Known(
        {
            "definitions": {
                "Spread": {"properties": {"maxSkew": {}, "labelSelector": {}}},
                "Budget": kind("policy", "v1beta1", "PodDisruptionBudget", spec={}),
                "OldBudget": kind("policy", "v1alpha1", "PodDisruptionBudget", spec={}),
                "Scaler": kind("autoscaling", "v1", "HorizontalPodAutoscaler", spec={"properties": {"max": {}}}),
                "NewScaler": kind("autoscaling", "v2beta2", "HorizontalPodAutoscaler", spec={}),
                "Map": kind("", "v1", "ConfigMap", data={"additionalProperties": {"type": "string"}}),
                "Deployment": kind("apps", "v1", "Deployment", spec={"properties": {"spread": spread}}),
            }
        }
    )


def manifest(version: str, of: str, name: str, **more: Any) -> Manifest:
    return {"apiVersion": version, "kind": of, "metadata": {"name": name}, **more}


def test_a_kind_is_sent_in_the_version_that_the_server_knows_best() -> None:
    server = known()
    [sent] = server.fitted([manifest("policy/v1", "PodDisruptionBudget", "gateway", spec={"maxUnavailable": 1})])
    assert sent == manifest("policy/v1beta1", "PodDisruptionBudget", "gateway", spec={"maxUnavailable": 1})
    assert server.told() == ["PodDisruptionBudget as policy/v1beta1 instead of v1: gateway"]


def test_of_several_versions_the_one_that_keeps_most_is_sent() -> None:
    server = known()
    scaler = manifest("autoscaling/v2", "HorizontalPodAutoscaler", "gateway", spec={"max": 6, "metrics": []})
    assert server.fitted([scaler]) == [{**scaler, "apiVersion": "autoscaling/v2beta2"}]
    assert server.told() == ["HorizontalPodAutoscaler as autoscaling/v2beta2 instead of v2: gateway"]


def test_a_field_that_the_server_does_not_know_is_left_out_wherever_it_stands() -> None:
    server = known()
    spread = [{"maxSkew": 1, "labelSelector": {"matchLabels": {"a": "b"}}, "matchLabelKeys": ["a"]}]
    sent = server.fitted([manifest("apps/v1", "Deployment", name, spec={"spread": spread}) for name in ("one", "two")])
    assert [each["spec"]["spread"][0] for each in sent] == [
        {"maxSkew": 1, "labelSelector": {"matchLabels": {"a": "b"}}}
    ] * 2
    assert server.told() == ["Deployment spec.spread[].matchLabelKeys is not known and left out: one, two"]


def test_what_is_a_map_keeps_every_key() -> None:
    server, settings = known(), manifest("v1", "ConfigMap", "settings", data={"WANGGE_MODE": "production"})
    assert server.fitted([settings]) == [settings]
    assert server.told() == []


def test_a_kind_that_the_server_has_never_heard_of_is_left_out_and_told() -> None:
    server = known()
    assert server.fitted([manifest("example.org/v1", "Cluster", "database")]) == []
    assert server.told() == ["no Cluster (example.org) here: database"]


def test_versions_are_ordered_by_how_settled_they_are() -> None:
    versions = ["v1", "v2beta2", "v2", "v2beta1", "v1alpha1"]
    assert sorted(versions, key=maturity) == ["v1alpha1", "v2beta1", "v2beta2", "v1", "v2"]
    with pytest.raises(ValueError, match="no version"):
        maturity("latest")


def everything_known() -> Known:
    """A server that knows each kind of the overlay, whatever is in it."""
    kinds = {(*each["apiVersion"].rpartition("/")[::2], each["kind"]) for each in everything("county")}
    return Known({"definitions": {
        f"{group}.{version}.{name}": {KIND: [{"group": group, "version": version, "kind": name}]}
        for group, version, name in kinds}})  # fmt: skip


def test_what_is_applied_is_the_countys_without_what_operators_read() -> None:
    overlay = Overlay(everything_known())
    assert set(of_kind([*overlay.parts, *overlay.migrations], *WORKLOADS)) == set(
        of_kind(everything("county"), *WORKLOADS)
    )
    assert overlay.images == {f"wangge/{name}:dev" for name in ("registry", "dispatch", "gateway", "drill")}
    assert not of_kind(overlay.parts, "ExternalSecret", "Certificate", "RabbitmqCluster", "ScaledObject")
    assert overlay.known.told() == []
    assert local("registry.county.example:5000/wangge/drill:0.1.0") == "wangge/drill:dev"


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    instance = Instance("secrets", tmp_path_factory.mktemp("store"))
    instance.directory.mkdir(parents=True)
    return load_or_make(instance, read_parts().user_names)


def test_a_part_would_start_in_production_with_what_the_store_holds(values: dict[str, str]) -> None:
    manifests = everything("county")
    made = {each["metadata"]["name"]: each["stringData"] for each in Store(read_parts(), values).secrets_of(manifests)}
    assert set(made) == referred_to(manifests) - {LATER}
    for name in read_parts().parts:
        workload = of_kind(manifests, *WORKLOADS)[name.name]
        sources = container(workload)["envFrom"]
        [source] = [each["secretRef"]["name"] for each in sources if "secretRef" in each]
        plain = {key: value for key, value in given(manifests, workload).items() if value is not None}
        assert refused_at_start(name.name, {**plain, **made[source]}) == []


def test_a_certificate_is_good_for_the_names_and_uses_that_it_asks_for() -> None:
    manifests, authority = everything("county"), Authority("proof")
    made = {each["metadata"]["name"]: each["stringData"] for each in certificates(manifests, authority)}
    assert set(made) == {each["spec"]["secretName"] for each in of_kind(manifests, "Certificate").values()}
    issuer = x509.load_pem_x509_certificate(authority.trusted.encode())
    for each in of_kind(manifests, "Certificate").values():
        entries = made[each["spec"]["secretName"]]
        found = x509.load_pem_x509_certificate(entries["tls.crt"].encode())
        found.verify_directly_issued_by(issuer)
        assert isinstance(found.public_key(), ec.EllipticCurvePublicKey)
        if names := each["spec"].get("dnsNames"):
            told = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            assert told.get_values_for_type(x509.DNSName) == names


def test_servers_are_set_up_as_their_resources_say(values: dict[str, str]) -> None:
    manifests, parts = everything("county"), read_parts()
    made = [*servers.broker(manifests, parts, values), *servers.database(manifests, parts, values)]
    texts = {name: text for each in of_kind(made, "ConfigMap").values() for name, text in each["data"].items()}
    assert "consumer_timeout = 1800000" in texts["rabbitmq.conf"]
    assert "hostnossl all all all reject" in texts["pg_hba.conf"]
    assert "-c max_connections=300" in pod(of_kind(made, "StatefulSet")["database"])["containers"][0]["command"][2]
    policies = of_kind(list(built("county")), "NetworkPolicy")
    reached = policies["migrations-reach-the-database"]["spec"]["egress"][0]["to"][0]["podSelector"]["matchLabels"]
    assert of_kind(made, "StatefulSet")["database"]["spec"]["template"]["metadata"]["labels"] == reached
