"""Two real gateways of one county count together, alone while their database is away, and together again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg2
import pytest

from gateway.admin import migrate
from tests.integration.gateway.responder import Responder
from tests.integration.gateway.running import GatewayProcess
from tests.support.databases import DatabaseFactory, closed
from tests.support.eventually import eventually

# Of a day, so that no window ends while this runs.
LIMITS = "read.person=60/day"
CALL = {"source": "police", "category": "medical"}
ALONE = "rates are counted by this gateway alone"
AGAIN = "rates are counted together with the other gateways again"


class Reader:
    """One person, who may reach either gateway."""

    def __init__(self, town: str) -> None:
        self._headers = {"Authorization": f"Bearer town-{town}"}

    def read(self, gateway: GatewayProcess, times: int = 1) -> httpx.Response:
        """The last answer of so many."""
        answers = [httpx.get(f"{gateway.url}/v1/teams", headers=self._headers, timeout=10) for _ in range(times)]
        return answers[-1]

    def left(self, gateway: GatewayProcess) -> int:
        """What remains after one more read."""
        answer = self.read(gateway)
        assert answer.status_code == 200, answer.text
        return int(answer.headers["RateLimit"].partition("r=")[2].partition(";")[0])

    def admitted(self, gateway: GatewayProcess) -> int:
        """How many more reads are let through before one is not."""
        count = 0
        while self.read(gateway).status_code == 200:
            count += 1
        return count

    def is_refused(self, gateway: GatewayProcess) -> bool:
        return self.read(gateway).status_code == 429


Pair = tuple[GatewayProcess, GatewayProcess]


@pytest.fixture
def url(new_database: DatabaseFactory) -> str:
    made = new_database("gateway", role="gateway")
    migrate(made)
    return new_database.as_service(made)


@pytest.fixture
def two(vhost: str, dispatch: Responder, url: str, tmp_path: Path) -> Pair:
    told = {"DATABASE_URL": url, "WANGGE_RATE_LIMITS": LIMITS}
    module = "tests.integration.gateway.towns"
    return (
        GatewayProcess(vhost, tmp_path / "one.log", module, **told),
        GatewayProcess(vhost, tmp_path / "two.log", module, **told),
    )


def age(gateway: GatewayProcess) -> float:
    """Seconds since a gateway heard of the others' counts, as it says itself."""
    lines = httpx.get(f"{gateway.url}/metrics", timeout=10).text.splitlines()
    (line,) = [line for line in lines if line.startswith("wangge_gateway_rates_age_seconds ")]
    return float(line.split()[1])


def test_what_one_gateway_counted_the_other_knows_within_a_second_and_a_restart_gives_nothing_back(
    two: Pair, url: str
) -> None:
    with two[0] as one, two[1] as other:
        reader = Reader("330784001")
        assert reader.left(one) == 59
        reader.read(one, times=19)
        tries = [0]

        def is_heard() -> bool:
            tries[0] += 1
            return reader.left(other) == 60 - 20 - tries[0]

        eventually(is_heard, within=3, every=0.1)
        # Within a second, for it was asked every tenth of one.
        assert tries[0] <= 11
        assert reader.admitted(other) == 60 - 20 - tries[0]
        eventually(lambda: reader.is_refused(one), within=3, every=0.1)
        assert Reader("330784002").left(one) == 59
        assert max(age(one), age(other)) < 5
        one.kill()
        one.start()
        eventually(lambda: reader.is_refused(one), within=3, every=0.1)
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT gateway), count(*) FROM rate_count WHERE hits > 0")
        (gateways, rows) = cursor.fetchone() or (0, 0)
        # The third, which was born refusing, counted nothing.
        assert gateways == 2
        cursor.execute("SELECT string_agg(rate_count::text, '') FROM rate_count")
        assert "330784001" not in str(cursor.fetchone()), f"of {rows} rows"


def test_without_the_database_each_counts_alone_and_nobody_is_refused_for_it(
    two: Pair, url: str, postgres_url: str
) -> None:
    database = url.rpartition("/")[2]
    with two[0] as one, two[1] as other:
        before = Reader("330784003")
        assert before.admitted(one) == 60
        eventually(lambda: before.is_refused(other), within=3, every=0.1)
        closed(postgres_url, database, shut=True)
        try:
            eventually(lambda: age(one) > 2 and age(other) > 2, within=10, every=0.2)
            # What was heard before still counts; what comes now, each counts by itself.
            assert before.is_refused(one)
            assert before.is_refused(other)
            alone = Reader("330784004")
            assert (alone.admitted(one), alone.admitted(other)) == (60, 60)
            with one.client() as caller, other.client() as another:
                answers = [each.post("/v1/incidents", json=CALL) for each in (caller, another) for _ in range(20)]
            assert {answer.status_code for answer in answers} <= {200, 201}
            assert [gateway.log.read_text().count(ALONE) for gateway in (one, other)] == [1, 1]
        finally:
            closed(postgres_url, database, shut=False)
        eventually(lambda: max(age(one), age(other)) < 1, within=10, every=0.2)
        after = Reader("330784005")
        assert after.admitted(one) == 60
        eventually(lambda: after.is_refused(other), within=3, every=0.1)
        assert [gateway.log.read_text().count(AGAIN) for gateway in (one, other)] == [1, 1]
        assert [gateway.stop() for gateway in (one, other)] == [0, 0]


@pytest.mark.usefixtures("dispatch")
def test_a_gateway_whose_database_was_not_migrated_yet_counts_alone(
    vhost: str, new_database: DatabaseFactory, new_gateway: Callable[..., GatewayProcess]
) -> None:
    empty = new_database("gateway", role="gateway")
    gateway = new_gateway(vhost, DATABASE_URL=empty, WANGGE_RATE_LIMITS="read.person=3/day")
    with gateway.client() as client:
        answers = [client.get("/v1/teams").status_code for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]
    eventually(lambda: ALONE in gateway.log.read_text(), within=5)
