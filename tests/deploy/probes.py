"""Whether probes, monitors and services ask on ports that are open for pages that are served."""

from collections.abc import Iterator

from gateway.routes.house import ROUTES
from tests.deploy.manifests import Manifest, container, of_kind

HEALTH_PORT = 9115
HTTP_PORT = 8115
# chassis.health serves these three and nothing else (tests/unit/chassis/test_health.py).
HEALTH_PAGES = {"/live", "/ready", "/metrics"}
GATEWAY_PAGES = {route.path for route in ROUTES}
PURPOSE = {"startupProbe": "/live", "livenessProbe": "/live", "readinessProbe": "/ready"}


def _pages(name: str) -> set[str]:
    return GATEWAY_PAGES if name == "gateway" else {"/metrics"} if name == "drill" else HEALTH_PAGES


def _right_page(name: str, probe: str) -> str:
    return "/metrics" if name == "drill" else PURPOSE[probe]


def problems(manifests: list[Manifest]) -> Iterator[str]:
    for name, workload in of_kind(manifests, "Deployment", "StatefulSet").items():
        main = container(workload)
        ports = {port["name"]: port["containerPort"] for port in main.get("ports", ())}
        expected = {"http": HTTP_PORT} if name == "gateway" else {"health": HEALTH_PORT}
        if ports != expected:
            yield f"{name} opens {ports}, its image {expected}"
        for probe in PURPOSE:
            asked = main.get(probe, {}).get("httpGet")
            if asked is None:
                yield f"{name} has no {probe}"
            elif asked["port"] not in ports:
                yield f"{name}: {probe} asks port {asked['port']}, which is not open"
            elif asked["path"] not in _pages(name):
                yield f"{name}: {probe} asks for {asked['path']}, which is not served"
            elif asked["path"] != _right_page(name, probe):
                yield f"{name}: {probe} asks for {asked['path']} instead of {_right_page(name, probe)}"
    yield from _behind_services(manifests)


def _behind_services(manifests: list[Manifest]) -> Iterator[str]:
    named = {
        port["name"]
        for workload in of_kind(manifests, "Deployment", "StatefulSet").values()
        for port in container(workload).get("ports", ())
    }
    for name, service in of_kind(manifests, "Service").items():
        yield from (
            f"service {name} targets {port['targetPort']}, which no pod opens"
            for port in service["spec"]["ports"]
            if port["targetPort"] not in named
        )
