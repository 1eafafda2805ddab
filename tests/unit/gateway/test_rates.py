"""How the rules on rates are read, and which of them a route counts in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from chassis.actor import Actor
from chassis.settings import SettingsError
from gateway.rates import USUAL, Rates, rules_of
from gateway.routes.edge import RATE_HEADERS
from gateway.routes.endpoint import bucket_of
from gateway.routes.index import ROUTES
from gateway.routes.problems import TooManyRequests
from gateway.settings import GatewaySettings


def person(subject: str, client: str = "app") -> Actor:
    return Actor(subject, client)


def connection(address: str = "192.0.2.1") -> HTTPConnection:
    return HTTPConnection({"type": "http", "headers": [], "client": (address, 1)})


async def admitted(rates: Rates, bucket: str, actor: Actor, times: int, address: str = "192.0.2.1") -> int:
    """How many of so many calls are let through."""
    count = 0
    for _ in range(times):
        try:
            await rates.admit(bucket, actor, connection(address))
            count += 1
        except TooManyRequests:
            pass
    return count


def test_each_person_each_client_and_each_kind_of_call_has_a_bucket_of_its_own() -> None:
    async def counted() -> list[int]:
        rates = Rates(rules_of("read.person=5/minute read.client=12/minute command.person=2/minute"))
        return [
            await admitted(rates, "read", person("li"), 9),
            await admitted(rates, "read", person("wang"), 9),
            await admitted(rates, "read", person("zhao"), 9),
            await admitted(rates, "read", person("zhao", "other"), 1),
            await admitted(rates, "command", person("li"), 9),
            await admitted(rates, "intake", person("li"), 500),
            await admitted(rates, "denied", person("anonymous"), 70, "192.0.2.7"),
            await admitted(rates, "denied", person("anonymous"), 7, "192.0.2.8"),
        ]

    assert asyncio.run(counted()) == [5, 5, 2, 0, 2, 500, 60, 7]


def test_an_answer_says_the_tightest_limit_and_a_refusal_when_to_come_back() -> None:
    async def told() -> tuple[dict[bytes, bytes], TooManyRequests]:
        rates, asking = Rates(rules_of("read.person=2/minute")), connection()
        await rates.admit("read", person("li"), asking)
        headers: Any = dict(asking.scope[RATE_HEADERS])
        await rates.admit("read", person("li"), asking)
        with pytest.raises(TooManyRequests) as refused:
            await rates.admit("read", person("li"), asking)
        return headers, refused.value

    headers, refused = asyncio.run(told())
    assert headers[b"ratelimit"].startswith(b'"read-person";r=1;t=')
    assert headers[b"ratelimit-policy"] == b'"read-person";q=2;w=60, "read-client";q=12000;w=60'
    assert 1 <= refused.extra["retry_after"] <= 60


def test_rates_are_counted_with_the_database_when_there_is_one_unless_the_settings_say_memory() -> None:
    def shared(**named: str) -> bool:
        settings = GatewaySettings(amqp_url="amqp://", token="t", **named)  # type: ignore[arg-type]
        return settings.rates()._shared is not None

    assert not shared()
    assert shared(database_url="postgresql://nowhere/x")
    assert not shared(database_url="postgresql://nowhere/x", rate_store="memory")
    with pytest.raises(SettingsError, match="WANGGE_RATE_STORE"):
        shared(rate_store="database")


@pytest.mark.parametrize("text", ["read=5/minute", "nothing.person=5/minute", "read.person=often"])
def test_a_rule_that_cannot_be_read_keeps_the_gateway_from_starting(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        rules_of(text)
    with pytest.raises(SettingsError):
        GatewaySettings(amqp_url="amqp://", token="t", rate_limits=text)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_counts_in_a_bucket_that_there_is(route: Any) -> None:
    assert bucket_of(route) in {bucket for bucket, _ in USUAL}


def test_every_way_to_take_an_incident_in_counts_as_intake_and_nothing_else_does() -> None:
    assert {f"{route.method} {route.path}" for route in ROUTES if bucket_of(route) == "intake"} == {
        "POST /v1/incidents", "POST /v1/eido", "POST /open311/v2/requests.{format}",
    }  # fmt: skip
