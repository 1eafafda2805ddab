"""WANGGE_ISSUERS: what it takes, and what it refuses by name at start."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from joserfc.jwk import ECKey

from chassis.assertions import encode_key
from chassis.errors import Unavailable
from chassis.settings import SettingsError, load
from gateway.security.compact import BadToken
from gateway.security.fetching import NotFetched
from gateway.security.issuer import ASYMMETRIC, Issuer, parse_issuers
from gateway.security.issuer_keys import IssuerKeys
from gateway.settings import GatewaySettings

GOOD = {"issuer": "https://id.example", "audiences": ["wangge"]}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"algorithms": ["HS256"]}, "algorithms are among"),
        ({"algorithms": ["ES256", "none"]}, "algorithms are among"),
        ({"algorithms": []}, "algorithms are among"),
        ({"algorithms": "ES256"}, "algorithms must be a list"),
        ({"audiences": []}, "audiences must name"),
        ({"audiences": [""]}, "audiences must name"),
        ({"types": ["JWT"]}, "need access_claims"),
        ({"types": []}, "types must name"),
        ({"issuer": "http://id.example"}, "only https"),
        ({"jwks_uri": "http://keys.example/jwks"}, "only https"),
        ({"issuer": "ldap://id.example"}, "must be an address"),
        ({"issuer": "https://id.example?x=1"}, "no query"),
        ({"leeway_seconds": 900}, "leeway_seconds"),
        ({"leeway_seconds": "1"}, "leeway_seconds must be of type int"),
        ({"leeway_seconds": True}, "leeway_seconds must be of type int"),
        ({"longest_seconds": 10**9}, "longest_seconds"),
        ({"jurisdiction": "x"}, "grid code"),
        ({"roles": ["Ops!"]}, "roles are among"),
        ({"role_names": {"x": "developer"}}, "roles are among"),
        ({"audience": "wangge"}, "no audience"),
    ],
)
def test_an_issuer_that_would_be_believed_too_much_is_refused_at_start(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_issuers(json.dumps([{**GOOD, **change}]))


@pytest.mark.parametrize("text", ["", "x", "{}", "[1]", "null"])
def test_what_is_no_list_of_issuers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        parse_issuers(text)


def test_the_same_issuer_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        parse_issuers(json.dumps([GOOD, GOOD]))


def test_no_algorithm_with_a_shared_secret_can_ever_be_allowed() -> None:
    assert not any(name.startswith("HS") or name == "none" for name in ASYMMETRIC)


def test_the_settings_name_the_key_and_the_rule() -> None:
    with pytest.raises(SettingsError) as refused:
        load(GatewaySettings, {"AMQP_URL": "amqp://h/v", "WANGGE_TOKEN": "t", "WANGGE_ISSUERS": '[{"issuer": "x"}]'})
    assert "must be an address" in refused.value.problems["WANGGE_ISSUERS"]


@pytest.mark.parametrize(
    ("issuers", "why"),
    [("", "missing"), (json.dumps([{**GOOD, "issuer": "http://127.0.0.1:9000"}]), "over https only")],
)
def test_production_needs_an_issuer_and_takes_keys_over_https_only(issuers: str, why: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(GatewaySettings, {"AMQP_URL": "amqp://h/v", "WANGGE_MODE": "production", "WANGGE_ISSUERS": issuers})
    assert why in refused.value.problems["WANGGE_ISSUERS"]


def test_an_issuer_cannot_be_the_county_itself_beside_its_own_accounts() -> None:
    environ = {"AMQP_URL": "amqp://h/v", "WANGGE_TOKEN": "t", "DATABASE_URL": "postgresql://h/d"}
    own = json.dumps([{**GOOD, "issuer": "https://county.wangge.example"}])
    with pytest.raises(SettingsError) as refused:
        load(GatewaySettings, {**environ, "WANGGE_ISSUERS": own})
    assert "names this county itself" in refused.value.problems["WANGGE_ISSUERS"]


def test_production_starts_with_an_issuer_over_https() -> None:
    environ = {"AMQP_URL": "amqp://h/v", "WANGGE_MODE": "production", "WANGGE_ISSUERS": json.dumps([GOOD])}
    environ["WANGGE_ACTOR_KEY"] = environ["WANGGE_GATEWAY_KEY"] = encode_key(bytes(range(32)))
    environ["WANGGE_JOURNAL"] = "/var/lib/wangge/journal"
    assert load(GatewaySettings, environ).issuers[0].issuer == "https://id.example"


class Documents:
    """What stands where the network is: documents by address, counted; `away` makes it fail."""

    def __init__(self, **documents: Any) -> None:
        self.documents = documents
        self.asked: list[str] = []
        self.away = False

    def __call__(self, url: str) -> dict[str, Any]:
        self.asked.append(url)
        if self.away or url not in self.documents:
            raise NotFetched(url)
        return dict(self.documents[url])


def keyset(*kids: str) -> dict[str, Any]:
    return {"keys": [ECKey.generate_key("P-256", parameters={"kid": kid}).as_dict(private=False) for kid in kids]}


ISSUER = Issuer("https://id.example", ("wangge",), jwks_uri="https://id.example/jwks")


def test_keys_are_fetched_once_and_kept_while_the_issuer_is_away() -> None:
    documents, now = Documents(**{ISSUER.jwks_uri: keyset("a")}), [0.0]

    async def scenario() -> None:
        keys = IssuerKeys(ISSUER, documents, lambda: now[0])
        await asyncio.gather(*(keys.key("a", "ES256") for _ in range(20)))
        assert len(documents.asked) == 1
        documents.away, now[0] = True, 10_000.0
        assert await keys.key("a", "ES256")
        with pytest.raises(BadToken):
            await keys.key("b", "ES256")
        assert await keys.key("a", "ES256")

    asyncio.run(scenario())


def test_without_any_key_the_issuer_is_asked_at_most_every_two_seconds() -> None:
    documents, now = Documents(), [0.0]

    async def scenario() -> None:
        keys = IssuerKeys(ISSUER, documents, lambda: now[0])
        for _ in range(5):
            with pytest.raises(Unavailable):
                await keys.key("a", "ES256")
        assert len(documents.asked) == 1
        now[0], documents.documents = 2.0, {ISSUER.jwks_uri: keyset("a")}
        assert await keys.key("a", "ES256")

    asyncio.run(scenario())


def test_an_empty_key_set_does_not_lock_everybody_out() -> None:
    documents, now = Documents(**{ISSUER.jwks_uri: keyset("a")}), [0.0]

    async def scenario() -> None:
        keys = IssuerKeys(ISSUER, documents, lambda: now[0])
        assert await keys.key("a", "ES256")
        documents.documents[ISSUER.jwks_uri], now[0] = {"keys": []}, 60.0
        with pytest.raises(BadToken):
            await keys.key("b", "ES256")
        assert await keys.key("a", "ES256")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://evil.example", "jwks_uri": "https://id.example/jwks"},
        {"issuer": "https://id.example", "jwks_uri": "http://id.example/jwks"},
        {"issuer": "https://id.example"},
    ],
)
def test_a_discovery_document_that_leads_astray_is_not_followed(discovery: dict[str, Any]) -> None:
    found = {"https://id.example/.well-known/openid-configuration": discovery, "https://id.example/jwks": keyset("a")}
    documents = Documents(**found)

    async def scenario() -> None:
        with pytest.raises(Unavailable):
            await IssuerKeys(Issuer("https://id.example", ("wangge",)), documents).key("a", "ES256")

    asyncio.run(scenario())
    assert documents.asked == ["https://id.example/.well-known/openid-configuration"]
