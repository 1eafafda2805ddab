"""The accounts' database goes away: who is signed in goes on, nobody new comes in, and it mends itself."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from gateway.accounts import administration
from tests.integration.gateway.county_accounts import CountyAccounts, Person
from tests.integration.gateway.responder import Responder
from tests.integration.gateway.running import TOKEN, GatewayProcess
from tests.support.databases import DatabaseFactory, closed
from tests.support.eventually import eventually

NOWHERE = "postgresql://nobody:nothing@127.0.0.1:1/nothing"


def test_who_is_signed_in_goes_on_and_what_was_taken_back_meanwhile_ends_when_it_returns(
    new_gateway: Callable[..., GatewayProcess],
    new_database: DatabaseFactory,
    postgres_url: str,
    vhost: str,
    dispatch: Responder,
) -> None:
    county = CountyAccounts(new_database("gateway", role="gateway"))
    database = county.url.rpartition("/")[2]
    gateway = new_gateway(vhost, DATABASE_URL=county.url)
    county.add("desk-1")
    county.add("desk-2")
    one, two = Person(gateway.url), Person(gateway.url)
    assert (one.sign_in("desk-1").status_code, two.sign_in("desk-2").status_code) == (200, 200)
    county.database.stop()
    closed(postgres_url, database, shut=True)
    try:
        away = Person(gateway.url).sign_in("desk-1")
        assert (away.status_code, away.json()["code"]) == (503, "unavailable")
        assert away.headers["Retry-After"] == "1"
        assert one.refresh().status_code == 503
        # A token that this process has never seen: checked with the keys it holds.
        assert (one.status(), two.status()) == (200, 200)
        assert gateway.is_ready()
    finally:
        closed(postgres_url, database, shut=False)
    again = CountyAccounts(county.url)
    again.run(administration.set_disabled, "test", "desk-2", disabled=True)
    eventually(lambda: two.status() == 401, within=10)
    assert one.refresh().status_code == 200
    assert gateway.stop() == 0


@pytest.mark.usefixtures("dispatch")
def test_a_gateway_starts_without_it_and_takes_nobodys_word_that_it_cannot_check(
    new_gateway: Callable[..., GatewayProcess], vhost: str
) -> None:
    gateway = new_gateway(vhost, DATABASE_URL=NOWHERE)
    person = Person(gateway.url)
    assert person.sign_in("desk-1").status_code == 503
    assert httpx.get(f"{gateway.url}/.well-known/jwks.json", timeout=20).status_code == 503
    person.tokens = {"access_token": "wgk_" + "a" * 12 + "_" + "b" * 43}
    assert person.status() == 503
    person.tokens = {"access_token": TOKEN}
    assert person.status() == 200
