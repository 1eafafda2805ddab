"""Beside a real OpenID provider: its access tokens are taken, its ID tokens are not, and it may go away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.gateway.issuing import LoopbackIssuer, Provider, key
from tests.integration.gateway.responder import Responder, vouched_for
from tests.integration.gateway.running import TOKEN, GatewayProcess
from tests.support.eventually import eventually

PERSON = {"grid_roles": ["desk-lead", "mail-user"], "grid": "999999001"}
NAMES = {"desk-lead": "dispatcher"}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with Provider(tmp_path_factory.mktemp("provider") / "provider.log") as made:
        yield made


@pytest.fixture(scope="module")
def trusting(
    vhost: str, dispatch: Responder, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway that knows the provider's address and nothing else of it."""
    issuer = {"issuer": provider.url, "audiences": ["wangge"], "roles_claim": "grid_roles", "role_names": NAMES,
              "jurisdiction_claim": "grid"}  # fmt: skip
    log = tmp_path_factory.mktemp("trusting") / "gateway.log"
    with GatewayProcess(vhost, log, WANGGE_ISSUERS=json.dumps([issuer])) as process:
        yield process


def ask(gateway: GatewayProcess, token: str) -> httpx.Response:
    return httpx.get(f"{gateway.url}/v1/board", headers={"Authorization": f"Bearer {token}"}, timeout=15)


def test_a_person_signed_in_at_the_provider_is_known_by_role_and_jurisdiction(
    trusting: GatewayProcess, provider: Provider, fresh: Responder
) -> None:
    tokens = provider.sign_in("officer-7@county.example", **PERSON)
    assert ask(trusting, tokens["access_token"]).status_code == 200
    actor = vouched_for(fresh.seen[0])
    assert (actor.roles, actor.jurisdictions, actor.client) == (("dispatcher",), ("999999001",), "desk")
    assert "officer" not in repr(actor)


def test_the_id_token_of_the_same_sign_in_is_refused(
    trusting: GatewayProcess, provider: Provider, fresh: Responder
) -> None:
    refused = ask(trusting, provider.sign_in("officer-7", **PERSON)["id_token"])
    assert (refused.status_code, refused.json()["rule"]) == (401, "type")
    assert fresh.seen == []


def test_a_provider_that_is_away_stops_nobody_whose_key_is_known(
    trusting: GatewayProcess, provider: Provider, fresh: Responder
) -> None:
    first, second = (provider.sign_in(f"officer-{number}", **PERSON)["access_token"] for number in (1, 2))
    assert ask(trusting, first).status_code == 200
    provider.end()
    try:
        assert ask(trusting, second).status_code == 200
        strange = LoopbackIssuer(key("never-seen"))
        strange._server.server_close()
        assert ask(trusting, strange.token(strange.claims(iss=provider.url), alg="ES256")).status_code == 401
    finally:
        provider.start()


def test_a_provider_never_reached_is_a_503_until_it_comes(
    new_gateway: Callable[..., GatewayProcess], vhost: str, tmp_path: Path, fresh: Responder
) -> None:
    later = Provider(tmp_path / "later.log")
    issuer = {"issuer": later.url, "audiences": ["wangge"], "jurisdiction_claim": "grid"}
    gateway = new_gateway(vhost, WANGGE_ISSUERS=json.dumps([issuer]))
    strange = LoopbackIssuer(key("k"))
    strange._server.server_close()
    refused = ask(gateway, strange.token(strange.claims(iss=later.url)))
    assert (refused.status_code, refused.json()["code"], refused.json()["rule"]) == (503, "unavailable", "issuer_away")
    assert refused.headers["Retry-After"] == "1"
    assert ask(gateway, TOKEN).status_code == 200
    with later:
        token = later.sign_in("officer-3", **PERSON)["access_token"]
        eventually(lambda: ask(gateway, token).status_code == 200, within=15, every=0.2)
    counted = httpx.get(f"{gateway.url}/metrics", timeout=10).text
    assert f'wangge_gateway_issuer_fetches_total{{issuer="{later.url}",outcome="failed"}}' in counted


def test_a_new_key_of_an_issuer_is_found_by_its_first_token_and_the_old_one_ends(
    new_gateway: Callable[..., GatewayProcess], vhost: str, fresh: Responder
) -> None:
    old, new = key("2026-01"), key("2026-02")
    with LoopbackIssuer(old) as issuer:
        gateway = new_gateway(vhost, WANGGE_ISSUERS=json.dumps([issuer.settings()]))
        before = issuer.token()
        assert ask(gateway, before).status_code == 200
        issuer.keys = [new]
        eventually(lambda: ask(gateway, issuer.token()).status_code == 200, within=15, every=0.5)
        refused = ask(gateway, issuer.token(issuer.claims(sub="another"), signer=old))
        assert (refused.status_code, refused.json()["rule"]) == (401, "key")
