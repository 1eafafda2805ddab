"""docker-compose.yml starts everything that `wangge up` starts, as hard to get at as it can be."""

from typing import Any

import pytest

from cli.stack.parts import read_parts
from tests.deploy.compose import ROOT, resolved, services
from tests.deploy.environment import complaints

PARTS = read_parts()
SERVERS = {"broker", "database", "prometheus", "alertmanager", "grafana", "otel-collector"}
OURS = {part.name for part in PARTS.parts}


def test_every_part_of_the_local_stack_is_there_and_nothing_unknown() -> None:
    assert set(services()) == OURS | SERVERS | {"drill"}


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_part_is_given_the_keys_it_needs_and_none_that_it_does_not_read(name: str) -> None:
    assert complaints(name, set(services()[name]["environment"])) == []


def test_a_wrong_key_is_noticed() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8").replace("WANGGE_TIMEZONE:", "WANGGE_TIMEZON:")
    environment = set(resolved(text)["services"]["dispatch"]["environment"])
    assert complaints("dispatch", environment) == ["dispatch is given WANGGE_TIMEZON, which it does not read"]
    assert complaints("dispatch", environment - {"WANGGE_MASTER_KEY"})[0] == "dispatch is not given WANGGE_MASTER_KEY"


def weaknesses(service: dict[str, Any]) -> list[str]:
    found = []
    if not service.get("read_only"):
        found.append("its root can be written")
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add"):
        found.append("it keeps capabilities")
    if "no-new-privileges:true" not in service.get("security_opt", ()):
        found.append("it may gain privileges")
    if service.get("privileged") or service.get("network_mode") == "host":
        found.append("it shares the machine")
    if any(port.get("host_ip") != "127.0.0.1" for port in service.get("ports", ())):
        found.append("it listens beyond this machine")
    return found


@pytest.mark.parametrize("name", sorted(OURS | SERVERS | {"drill"}))
def test_a_container_is_hardened(name: str) -> None:
    assert weaknesses(services()[name]) == []


def test_a_container_that_is_not_hardened_is_noticed() -> None:
    assert len(weaknesses({"privileged": True, "ports": [{"host_ip": "0.0.0.0"}]})) == 5  # noqa: S104 (the weakness)


def test_nothing_starts_before_what_it_needs() -> None:
    for part in PARTS.parts:
        after = services()[part.name].get("depends_on", {})
        if part.kind == "task":
            assert after["database"]["condition"] == "service_healthy"
        elif part.service is not None:
            assert after[f"{part.service}-migrate"]["condition"] == "service_completed_successfully"
            assert after["broker"]["condition"] == "service_healthy"


def test_a_part_may_take_longer_to_stop_than_its_drain() -> None:
    assert {services()[part.name]["stop_grace_period"] for part in PARTS.parts} == {"30s"}


def test_the_databases_are_those_of_the_parts_list_with_their_extensions() -> None:
    listed = services()["database"]["environment"]["SERVICES"].split()
    wanted = [":".join((each.name, *each.extensions)) for each in PARTS.services]
    assert listed == wanted


def test_every_image_of_a_part_is_one_that_the_dockerfile_makes() -> None:
    for part in PARTS.parts:
        assert services()[part.name]["image"] == f"wangge/{part.service or part.name}:dev"
