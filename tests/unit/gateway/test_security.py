"""Settings that must not serve, and the development token."""

from __future__ import annotations

import asyncio

import pytest

from chassis.actor import Actor
from chassis.assertions import DEVELOPMENT_ACTOR_KEY
from chassis.errors import Unauthorised
from chassis.settings import SettingsError, load
from gateway.security.recognition import Recognition
from gateway.security.token import DEVELOPER, DevelopmentToken
from gateway.settings import GatewaySettings

GOOD = {"AMQP_URL": "amqp://u:secret@h/v", "WANGGE_TOKEN": "t"}


def recognised(token: str, given: str | None) -> Actor:
    return asyncio.run(Recognition(DevelopmentToken(token), {}).recognise(given))


def test_the_token_is_the_developer() -> None:
    actor = recognised("s3cret", "Bearer s3cret")
    assert actor is DEVELOPER
    assert (actor.roles, actor.jurisdictions, actor.credential) == (("developer",), ("",), "development")


@pytest.mark.parametrize("given", ["Bearer s3cre", "Bearer s3crett", "Bearer S3CRET", "Bearer s3cret x", "bearer é"])
def test_another_token_is_nobody(given: str) -> None:
    with pytest.raises(Unauthorised) as refused:
        recognised("s3cret", given)
    assert refused.value.code == "invalid_token"


def test_without_a_token_of_its_own_the_gateway_knows_nobody() -> None:
    for given in ("Bearer x", "Bearer ", None):
        with pytest.raises(Unauthorised):
            recognised("", given)


def test_production_refuses_to_start_with_a_development_token() -> None:
    with pytest.raises(SettingsError) as refused:
        load(GatewaySettings, {**GOOD, "WANGGE_MODE": "production"})
    assert "WANGGE_TOKEN" in refused.value.problems


@pytest.mark.parametrize("key", ["", DEVELOPMENT_ACTOR_KEY])
def test_production_refuses_to_start_with_a_key_that_everybody_can_sign_with(key: str) -> None:
    told = {"AMQP_URL": GOOD["AMQP_URL"], "WANGGE_MODE": "production", "WANGGE_ACTOR_KEY": key}
    told["WANGGE_ISSUERS"] = '[{"issuer": "https://id.example", "audiences": ["wangge"]}]'
    with pytest.raises(SettingsError) as refused:
        load(GatewaySettings, told)
    assert refused.value.problems.keys() == {"WANGGE_ACTOR_KEY"}


def test_development_refuses_to_start_without_one() -> None:
    with pytest.raises(SettingsError) as refused:
        load(GatewaySettings, {"AMQP_URL": GOOD["AMQP_URL"]})
    assert "WANGGE_TOKEN" in refused.value.problems


def test_every_bad_key_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        load(GatewaySettings, {"WANGGE_HTTP_PORT": "x", "WANGGE_READ_SECONDS": "0"})
    assert set(refused.value.problems) >= {"AMQP_URL", "WANGGE_HTTP_PORT", "WANGGE_READ_SECONDS"}


def test_settings_show_no_secret() -> None:
    shown = repr(load(GatewaySettings, GOOD))
    assert "secret" not in shown
    assert "'t'" not in shown
