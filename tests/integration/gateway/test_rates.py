"""Limits on how often somebody calls, on a running gateway."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.gateway.responder import Responder, accepting
from tests.integration.gateway.running import GatewayProcess

LIMITS = "read.person=5/minute command.person=3/minute denied.address=4/minute"
CALL = {"source": "police", "category": "medical"}


@pytest.fixture(scope="module")
def limited(vhost: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    log = tmp_path_factory.mktemp("rates") / "gateway.log"
    with (
        Responder(vhost, "dispatch", accepting),
        GatewayProcess(vhost, log, "tests.integration.gateway.towns", WANGGE_RATE_LIMITS=LIMITS) as process,
    ):
        yield process


def test_who_reads_too_often_is_told_when_to_come_back_and_calls_for_help_go_on(limited: GatewayProcess) -> None:
    with limited.client() as client, limited.client(token="town-330784001") as other:
        answers = [client.get("/v1/teams") for _ in range(7)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
        assert answers[0].headers["RateLimit"].startswith('"read-person";r=4;t=')
        refused = answers[-1]
        assert refused.json()["code"] == "too_many_requests"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert refused.headers["RateLimit-Policy"].startswith('"read-person";q=5;w=60')
        assert {client.post("/v1/incidents", json=CALL).status_code for _ in range(50)} <= {200, 201}
        assert other.get("/v1/teams").status_code == 200
        assert [client.get("/live").status_code for _ in range(9)] == [200] * 9


def test_who_guesses_tokens_is_slowed_down(limited: GatewayProcess) -> None:
    guesses = [httpx.get(f"{limited.url}/v1/teams", headers={"Authorization": f"Bearer guess-{n}"}) for n in range(6)]
    assert [guess.status_code for guess in guesses] == [401] * 4 + [429] * 2
