"""In a cluster every port of ours speaks TLS: to probes, to Prometheus, to whoever calls."""

import json
from collections.abc import Callable

import pytest

from tests.deploy import encryption
from tests.deploy.manifests import Manifest, container, everything, given, of_kind, pod

WHOLE = ("county", "province")


@pytest.mark.parametrize("overlay", WHOLE)
def test_every_port_speaks_tls_and_whoever_asks_there_checks_it(overlay: str) -> None:
    assert list(encryption.problems(everything(overlay))) == []


def test_a_cluster_without_an_authority_speaks_clear_text_throughout() -> None:
    manifests = everything("dev")
    for name, workload in of_kind(manifests, "Deployment", "StatefulSet").items():
        assert "tls" not in {each["name"] for each in pod(workload)["volumes"]}, name
        assert "WANGGE_TLS_KEY" not in {each["name"] for each in container(workload).get("env", ())}, name


@pytest.mark.parametrize("overlay", WHOLE)
def test_whoever_comes_to_the_gateway_comes_encrypted(overlay: str) -> None:
    manifests = everything(overlay)
    assert given(manifests, of_kind(manifests, "Deployment")["drill"])["WANGGE_URL"] == "https://gateway:8115"
    names = of_kind(manifests, "Certificate")["gateway-server"]["spec"]["dnsNames"]
    assert "gateway" in names
    for ingress in of_kind(manifests, "Ingress").values():
        said = {key.rpartition("/")[2]: value for key, value in ingress["metadata"]["annotations"].items()}
        assert (said["backend-protocol"], said["proxy-ssl-verify"]) == ("HTTPS", "on")
        assert said["proxy-ssl-name"] in names


def a_new_service(manifests: list[Manifest]) -> None:
    """As it would be in base/, made hard and probed as all, and forgotten in components/certificates and watching."""
    bare = of_kind(everything("dev"), "Deployment")["registry"]
    manifests.append(json.loads(json.dumps(bare).replace("registry", "newcomer")))


def a_new_service_with_the_certificate_of_another(manifests: list[Manifest]) -> None:
    text = json.dumps(of_kind(manifests, "Deployment")["registry"])
    manifests.append(json.loads(text.replace('"registry"', '"newcomer"')))


def clear_text_to_probes(manifests: list[Manifest]) -> None:
    del container(of_kind(manifests, "Deployment")["dispatch-sidecar"])["livenessProbe"]["httpGet"]["scheme"]


def endpoint(manifests: list[Manifest], name: str) -> Manifest:
    return dict(of_kind(manifests, "PodMonitor")[name]["spec"]["podMetricsEndpoints"][0])


def clear_text_to_prometheus(manifests: list[Manifest]) -> None:
    of_kind(manifests, "PodMonitor")["dispatch"]["spec"]["podMetricsEndpoints"] = [{"port": "health"}]


def nobody_checks(manifests: list[Manifest]) -> None:
    loose = {**endpoint(manifests, "drill"), "tlsConfig": {"insecureSkipVerify": True}}
    of_kind(manifests, "PodMonitor")["drill"]["spec"]["podMetricsEndpoints"] = [loose]


def anybodys_name(manifests: list[Manifest]) -> None:
    endpoint(manifests, "gateway")["tlsConfig"]["serverName"] = "dispatch.wangge.svc"


def a_database_in_clear_text(manifests: list[Manifest]) -> None:
    of_kind(manifests, "PodMonitor")["database"]["spec"]["podMetricsEndpoints"][0].pop("scheme")


def nobody_looks(manifests: list[Manifest]) -> None:
    of_kind(manifests, "PodMonitor")["registry"]["spec"]["podMetricsEndpoints"] = []


def a_key_that_can_be_written(manifests: list[Manifest]) -> None:
    for mount in container(of_kind(manifests, "StatefulSet")["gateway"])["volumeMounts"]:
        mount.pop("readOnly", None)


def half_of_a_pair(manifests: list[Manifest]) -> None:
    [tls] = [each for each in pod(of_kind(manifests, "Deployment")["registry"])["volumes"] if each["name"] == "tls"]
    tls["secret"]["items"].pop()


def a_certificate_that_nobody_makes(manifests: list[Manifest]) -> None:
    manifests.remove(of_kind(manifests, "Certificate")["drill"])


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (a_new_service, "newcomer reads no certificate"),
        (a_new_service, "newcomer: livenessProbe asks in clear text"),
        (a_new_service, "newcomer: nobody looks at its port health"),
        (a_new_service_with_the_certificate_of_another, "newcomer shows the certificate of registry"),
        (clear_text_to_probes, "dispatch-sidecar: livenessProbe asks in clear text"),
        (clear_text_to_prometheus, "dispatch: port health is read in clear text"),
        (nobody_checks, "drill: port health is read from whoever answers"),
        (anybodys_name, "gateway: its certificate is for"),
        (nobody_looks, "registry: nobody looks"),
        (a_key_that_can_be_written, "gateway reads no certificate"),
        (half_of_a_pair, "registry reads no certificate"),
        (a_certificate_that_nobody_makes, "drill: its certificate is for []"),
        (a_database_in_clear_text, "database: port metrics is read in clear text"),
    ],
)
@pytest.mark.parametrize("overlay", WHOLE)
def test_a_port_in_clear_text_or_unchecked_is_noticed(
    overlay: str, break_it: Callable[[list[Manifest]], None], told: str
) -> None:
    manifests = everything(overlay)
    break_it(manifests)
    assert any(problem.startswith(told) for problem in encryption.problems(manifests))
