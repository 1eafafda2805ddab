"""Other systems: a key of their own, or a certificate that a trusted proxy has verified; on two gateway processes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func

from gateway.accounts import client_administration
from gateway.accounts.tables import api_client
from tests.integration.gateway.county_accounts import CountyAccounts
from tests.integration.gateway.responder import Responder, vouched_for
from tests.integration.gateway.running import GatewayProcess
from tests.support.eventually import eventually

FINGERPRINT = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
Pair = tuple[GatewayProcess, GatewayProcess]


def ask(gateway: GatewayProcess, key: str | None, **headers: str) -> httpx.Response:
    shown = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{gateway.url}/v1/board", headers={**shown, **headers}, timeout=20)


def token(gateway: GatewayProcess, client_id: str, secret: str, *, basic: bool = False) -> httpx.Response:
    form = {"grant_type": "client_credentials"}
    if basic:
        return httpx.post(f"{gateway.url}/v1/auth/token", data=form, auth=(client_id, secret), timeout=20)
    form |= {"client_id": client_id, "client_secret": secret}
    return httpx.post(f"{gateway.url}/v1/auth/token", data=form, timeout=20)


def test_a_key_is_its_client_with_its_rights_and_its_scopes(
    pair: Pair, county: CountyAccounts, fresh: Responder
) -> None:
    key = county.add_client("police-110", ["incident.create", "incident.read"])
    assert ask(pair[0], key).status_code == 200
    actor = vouched_for(fresh.seen[0])
    assert (actor.client, actor.credential, actor.roles) == ("police-110", "client", ("integration",))
    assert (actor.jurisdictions, actor.scopes) == (("999999001",), ("incident.create", "incident.read"))
    (row,) = [row for row in county.run(client_administration.every) if row.name == "police-110"]
    assert row.used_at is not None
    assert key.encode() not in bytes(row.secret_digest)
    assert key.split("_", 2)[2] not in repr(row)


def test_a_client_may_change_its_key_for_a_short_token(pair: Pair, county: CountyAccounts, fresh: Responder) -> None:
    key = county.add_client("hall-kiosk", ["incident.create"])
    for basic in (False, True):
        answer = token(pair[0], "hall-kiosk", key, basic=basic)
        assert answer.status_code == 200, answer.text
        assert "refresh_token" not in answer.json()
        assert ask(pair[1], answer.json()["access_token"]).status_code == 200
    assert vouched_for(fresh.seen[0]).scopes == ("incident.create",)


def test_another_key_another_name_or_no_such_client_is_a_401(pair: Pair, county: CountyAccounts) -> None:
    key, other = county.add_client("client-a"), county.add_client("client-b")
    for name, secret in (("client-a", other), ("client-a", key[:-1]), ("nobody", key), ("client-a", "wgk_")):
        refused = token(pair[0], name, secret)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_client")
        assert "WWW-Authenticate" in refused.headers
    for wrong in (key[:-1], key + "x", key.upper(), "wgk_" + "a" * 12 + "_" + "b" * 43):
        refused = ask(pair[0], wrong)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")


def test_a_revoked_key_and_its_tokens_end_on_every_gateway_within_a_moment(pair: Pair, county: CountyAccounts) -> None:
    key = county.add_client("leaver")
    short = token(pair[0], "leaver", key).json()["access_token"]
    assert [ask(gateway, shown).status_code for gateway in pair for shown in (key, short)] == [200] * 4
    county.run(client_administration.revoke, "test", "leaver")
    eventually(
        lambda: [ask(gateway, shown).status_code for gateway in pair for shown in (key, short)] == [401] * 4, within=2
    )


def test_a_rotated_key_stands_beside_the_new_one_for_its_grace_and_no_longer(
    pair: Pair, county: CountyAccounts
) -> None:
    first = county.add_client("rotating")
    second = county.run(client_administration.rotate, "test", "rotating", timedelta(hours=1), 30)
    assert [ask(pair[0], key).status_code for key in (first, second)] == [200, 200]
    third = county.run(client_administration.rotate, "test", "rotating", timedelta(), 30)
    eventually(lambda: [ask(pair[0], key).status_code for key in (first, second, third)] == [401, 401, 200], within=2)


def test_an_expired_key_opens_nothing(pair: Pair, county: CountyAccounts) -> None:
    key = county.add_client("expired")
    past = (
        api_client.update().where(api_client.c.name == "expired").values(expires_at=func.now() - timedelta(seconds=1))
    )
    county.run(lambda connection: connection.execute(past))
    assert ask(pair[0], key).status_code == 401


@pytest.fixture
def behind_a_proxy(
    new_gateway: Callable[..., GatewayProcess], vhost: str, county: CountyAccounts
) -> Callable[[str], GatewayProcess]:
    def start(networks: str) -> GatewayProcess:
        return new_gateway(
            vhost, DATABASE_URL=county.url, WANGGE_TRUSTED_PROXIES=networks, WANGGE_CERTIFICATE_HEADER="X-Client-Cert"
        )

    return start


def test_a_certificate_counts_only_from_the_proxy_that_verified_it(
    behind_a_proxy: Callable[[str], GatewayProcess], pair: Pair, county: CountyAccounts, fresh: Responder
) -> None:
    county.add_client("by-certificate", certificate=FINGERPRINT)
    behind = behind_a_proxy("127.0.0.1")
    assert ask(behind, None, **{"X-Client-Cert": FINGERPRINT}).status_code == 200
    assert vouched_for(fresh.seen[0]).client == "by-certificate"
    unknown = ask(behind, None, **{"X-Client-Cert": "sha256:00"})
    assert (unknown.status_code, unknown.json()["rule"]) == (401, "certificate")
    assert ask(behind, FINGERPRINT).status_code == 401, "its text is no secret, and no token"
    assert ask(behind, f"certificate {FINGERPRINT}").status_code == 401
    assert ask(behind, "guessed", **{"X-Client-Cert": FINGERPRINT}).status_code == 401
    for gateway in (pair[0], behind_a_proxy("192.0.2.0/24")):
        refused = ask(gateway, None, **{"X-Client-Cert": FINGERPRINT})
        assert (refused.status_code, refused.json()["code"]) == (401, "missing_token")
    county.run(client_administration.revoke, "test", "by-certificate")
    eventually(lambda: ask(behind, None, **{"X-Client-Cert": FINGERPRINT}).status_code == 401, within=2)
