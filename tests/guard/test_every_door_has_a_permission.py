"""No route, call or command without a permission that exists, and no permission without somebody who has it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from contracts.catalogue import COMMANDS
from contracts.rights.deciding import may, purposes_of, reach_of
from contracts.rights.permissions import PERMISSIONS, PURPOSES, VOUCHED
from contracts.rights.roles import REACHES, ROLES
from gateway.routes.deciding import DECIDED_HERE
from gateway.routes.index import ROUTES
from gateway.routes.table import Route
from tests.support.callers import DEVELOPER, person

ROOT = Path(__file__).resolve().parents[2]
OPEN_TO_ANYBODY = {
    "/live", "/ready", "/metrics", "/openapi.json", "/docs", "/open311/discovery.{format}",
    "/open311/v2/services.{format}", "/open311/v2/services/{service_code}.{format}", "/v1/auth/token",
    "/v1/auth/revoke", "/.well-known/jwks.json",
}  # fmt: skip


def calls() -> list[tuple[str, str, str | None]]:
    """(service, method, permission) of every method with an @rpc decorator, read from the sources."""
    found = []
    for file in sorted((ROOT / "services").glob("*/entrypoints/*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for decorator in getattr(node, "decorator_list", ()):
                name = decorator.func if isinstance(decorator, ast.Call) else decorator
                if isinstance(name, ast.Name) and name.id == "rpc":
                    found.append((file.parts[-3], node.name, permission_of(decorator)))
    return found


def permission_of(decorator: ast.expr) -> str | None:
    if not isinstance(decorator, ast.Call):
        return None
    for keyword in decorator.keywords:
        if keyword.arg == "permission":
            value = keyword.value
            return value.value if isinstance(value, ast.Constant) else VOUCHED if value.id == "VOUCHED" else None
    return None


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_declares_a_permission_that_exists_or_is_listed_here_as_open(route: Route) -> None:
    if route.path in OPEN_TO_ANYBODY:
        assert route.permission is None
    else:
        assert route.permission in PERMISSIONS


def test_every_call_declares_a_permission_that_exists() -> None:
    found = calls()
    assert len(found) > 20
    assert [each for each in found if each[2] not in PERMISSIONS] == []


def test_every_command_is_a_permission() -> None:
    assert set(COMMANDS) <= PERMISSIONS.keys()


def test_a_route_asks_for_the_permission_of_the_call_it_makes() -> None:
    permission = {f"{service}.{method}": needed for service, method, needed in calls()}
    asked = [(route.rpc, route.permission) for route in ROUTES if route.rpc]
    assert asked == [(rpc, permission[rpc]) for rpc, _ in asked]
    assert [route.command for route in ROUTES if route.command] == [r.permission for r in ROUTES if r.command]


def test_what_no_service_decides_the_gateway_decides() -> None:
    left_over = {r.permission for r in ROUTES if r.permission and not r.rpc and not r.command} - set(COMMANDS)
    # What is one's own needs no right but to be known.
    assert left_over - {VOUCHED} == DECIDED_HERE


def test_every_role_has_permissions_that_exist_and_names_in_both_languages() -> None:
    for role in ROLES.values():
        assert role.zh
        assert role.en
        assert set(role.grants) <= PERMISSIONS.keys()
        assert set(role.grants.values()) <= set(REACHES)
        assert role.purposes <= PURPOSES.keys()


def test_every_permission_is_held_by_somebody_besides_developers() -> None:
    held = {permission for role in ROLES.values() if role.code != "developer" for permission in role.grants}
    assert held == PERMISSIONS.keys()


def test_who_may_read_a_contact_has_a_purpose_for_it_and_nobody_else_has() -> None:
    for role in ROLES.values():
        assert bool(role.purposes) == ("incident.read_contact" in role.grants)


def test_the_roles_of_processes_and_developers_count_with_their_own_credential_only() -> None:
    assert may(DEVELOPER, "incident.create")
    for role in ("developer", "system"):
        assert not any(may(person(role), permission) for permission in PERMISSIONS)


def test_a_credential_limited_to_some_permissions_has_no_others() -> None:
    limited = person("dispatcher", scopes=("incident.read", "audit.read"))
    assert [each for each in PERMISSIONS if may(limited, each)] == [VOUCHED, "incident.read"]


def test_several_roles_have_what_each_has() -> None:
    both = person("team_member", "auditor")
    assert reach_of(both, "incident.read") == {"team", "area"}
    assert purposes_of(both, "incident.read_contact") == {"locate", "handle"}


def test_a_role_that_nobody_knows_gives_nothing() -> None:
    assert not any(may(person("emperor"), permission) for permission in PERMISSIONS)
