"""The route table, and the API document that is written from it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contracts.answers import ANSWER_TYPES
from contracts.catalogue import COMMANDS
from gateway.app import by_path
from gateway.routes.index import ROUTES
from gateway.routes.table import Route
from gateway.standards.docs import page
from gateway.standards.openapi import document

PROMISED = """
GET /v1/incidents | POST /v1/incidents | GET /v1/incidents/{incident} | POST /v1/incidents/likely-duplicates
POST /v1/incidents/{incident}/push | POST /v1/incidents/{incident}/acknowledge | POST /v1/incidents/{incident}/escalate
POST /v1/incidents/{incident}/resolve | POST /v1/incidents/{incident}/feedback | POST /v1/incidents/{incident}/close
POST /v1/incidents/{incident}/archive | POST /v1/incidents/{incident}/cancel | POST /v1/incidents/{incident}/reopen
POST /v1/incidents/{incident}/merge | POST /v1/incidents/{incident}/unmerge | POST /v1/incidents/{incident}/hand-over
POST /v1/incidents/{incident}/correct | POST /v1/incidents/{incident}/note | POST /v1/incidents/{incident}/contact
GET /v1/incidents/{incident}/eido | GET /v1/incidents/{incident}/cap | POST /v1/eido
GET /v1/incidents/{incident}/recommendations | POST /v1/incidents/{incident}/assignments
POST /v1/assignments/{assignment}/accept | POST /v1/assignments/{assignment}/refuse
POST /v1/assignments/{assignment}/depart | POST /v1/assignments/{assignment}/arrive
POST /v1/assignments/{assignment}/clear | POST /v1/assignments/{assignment}/withdraw
GET /v1/teams | POST /v1/teams | GET /v1/teams/{team} | PATCH /v1/teams/{team} | PUT /v1/teams/{team}/position
GET /v1/grids | GET /v1/grids/{code} | GET /v1/grids/{code}/children | GET /v1/grids/{code}/history
GET /v1/grids/{code}/posts | GET /v1/locate | GET /v1/sla/report | GET /v1/sla/breaches
GET /v1/centres | GET /v1/board
GET /open311/v2/services.{format} | GET /open311/v2/services/{service_code}.{format}
POST /open311/v2/requests.{format} | GET /open311/v2/requests.{format}
GET /open311/v2/requests/{service_request_id}.{format} | GET /open311/discovery.{format}
POST /v1/auth/token | POST /v1/auth/revoke | POST /v1/auth/revoke-all | GET /v1/auth/me | POST /v1/auth/password
POST /v1/auth/totp | POST /v1/auth/totp/confirm | GET /.well-known/jwks.json
POST /v1/feed | GET /v1/stream | GET /live | GET /ready | GET /metrics | GET /openapi.json | GET /docs
"""

OPEN = {"/v1/auth/token", "/v1/auth/revoke"}
"""What anybody may call below /v1: it is how one becomes somebody, and how one stops being it."""


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return document()


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_promised_route_is_served() -> None:
    promised = {entry.strip() for line in PROMISED.strip().splitlines() for entry in line.split("|")}
    assert promised <= {f"{route.method} {route.path}" for route in ROUTES}


def test_every_command_of_the_contract_has_one_route() -> None:
    assert sorted(route.command for route in ROUTES if route.command) == sorted(COMMANDS)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_has_an_owner_a_permission_and_what_its_handler_needs(route: Route) -> None:
    assert route.owner in ("dispatch", "registry", "gateway")
    assert route.permission or not route.path.startswith("/v1/") or route.path in OPEN
    assert set(re.findall(r"\{(\w+)\}", route.path)) == set(route.path_params)
    assert inspect.iscoroutinefunction(route.handler)
    assert route.zh
    assert route.en
    if route.rpc:
        assert route.rpc in ANSWER_TYPES
        assert route.rpc.partition(".")[0] == route.owner


def test_a_fixed_path_is_not_hidden_by_one_with_a_parameter() -> None:
    paths = [path for path, _ in by_path(ROUTES)]
    assert paths.index("/v1/incidents/likely-duplicates") < paths.index("/v1/incidents/{incident}/push")


def test_the_document_has_exactly_the_routes_that_are_served(spec: dict[str, Any]) -> None:
    documented = {f"{method.upper()} {path}" for path, item in spec["paths"].items() for method in item}
    assert documented == {f"{route.method} {route.path}" for route in ROUTES}
    names = [operation["operationId"] for item in spec["paths"].values() for operation in item.values()]
    assert len(names) == len(set(names))


def test_every_reference_of_the_document_leads_somewhere(spec: dict[str, Any]) -> None:
    found = set(references(spec))
    assert found
    for reference in found:
        node = spec
        for step in reference.removeprefix("#/").split("/"):
            assert step in node, reference
            node = node[step]


def test_every_schema_of_the_document_is_a_schema(spec: dict[str, Any]) -> None:
    assert spec["openapi"] == "3.1.0"
    for schema in spec["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_the_document_describes_an_intake_as_the_contract_does(spec: dict[str, Any]) -> None:
    operation = spec["paths"]["/v1/incidents"]["post"]
    body, stamp = operation["requestBody"]["content"]["application/json"]["schema"]["allOf"]
    assert body == {"$ref": "#/components/schemas/CreateIncident"}
    assert stamp["properties"]["occurred_at"]["format"] == "date-time"
    assert operation["x-permission"] == "incident.create"
    assert "201" in operation["responses"]
    assert "Idempotency-Key" in [parameter["name"] for parameter in operation["parameters"]]


def test_whoever_may_state_a_purpose_is_told_that_it_may_be_refused(spec: dict[str, Any]) -> None:
    stating = 0
    for item in spec["paths"].values():
        for operation in item.values():
            names = [each.get("name") for each in operation["parameters"]]
            if "Wangge-Purpose" in names:
                stating += 1
                assert "422" in operation["responses"] or "400" in operation["responses"], operation["operationId"]
    assert stating > 50


class _Outline(HTMLParser):
    """Collects what a page opens and never closes, where it links, and its anchors."""

    VOID = frozenset({"meta", "input", "br", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: set[str] = set()
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        self.anchors.add(found.get("id") or "")
        self.links.update(str(found[name]) for name in ("href", "src") if name in found)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_every_link_in_it_leads_somewhere(spec: dict[str, Any]) -> None:
    html = page()
    outline = _Outline()
    outline.feed(html)
    assert outline.open == []
    assert {link for link in outline.links if not link.startswith("#")} == {"/openapi.json"}
    assert {link[1:] for link in outline.links if link.startswith("#")} <= outline.anchors
    assert '<html lang="zh-CN">' in html
    assert {
        operation["operationId"] for item in spec["paths"].values() for operation in item.values()
    } <= outline.anchors
