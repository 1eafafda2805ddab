"""parts.json names things that exist elsewhere; these tests keep the two sides honest."""

import importlib.util
from pathlib import Path

from cli.stack.parts import read_parts

ROOT = Path(__file__).resolve().parents[2]
PARTS = read_parts()


def test_every_part_starts_a_module_that_exists() -> None:
    modules = {part.name: part.command[1] for part in PARTS.parts}
    missing = {name for name, module in modules.items() if importlib.util.find_spec(module) is None}
    assert missing == set()


def test_every_service_of_the_repository_is_in_the_local_stack() -> None:
    folders = {path.parent.name for path in (ROOT / "services").glob("*/entrypoints")}
    assert folders | {"gateway"} == {service.name for service in PARTS.services}


SERVICES = [service for service in PARTS.services if service.name != "gateway"]


def test_the_gateway_has_a_database_of_its_own() -> None:
    modules = {part.command[1] for part in PARTS.parts if part.service == "gateway"}
    assert modules == {"gateway", "gateway.admin"}


def test_every_service_has_its_three_processes() -> None:
    for service in SERVICES:
        modules = {part.command[1] for part in PARTS.parts if part.service == service.name}
        assert modules == {f"services.{service.name}.entrypoints.{room}" for room in ("service", "sidecar", "admin")}


def test_a_service_and_its_sidecar_share_the_port_of_the_nudge_and_no_other() -> None:
    for service in SERVICES:
        pair = [part.ports for part in PARTS.parts if part.service == service.name and part.kind == "service"]
        assert len({ports["WANGGE_RELAY_PORT"] for ports in pair}) == 1
        assert len({ports["WANGGE_HEALTH_PORT"] for ports in pair}) == len(pair)
