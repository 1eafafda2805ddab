"""The broker away, dispatch away, the gateway killed, calls coming in all the while: none is refused, none is lost.

The short form is part of the suite; the ten minutes: `make outage MINUTES=10 RATE=20`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cli.stack.broker import BrokerNode
from tests.e2e.callers import Callers
from tests.e2e.county import CHECKOUT, County
from tests.support.eventually import eventually
from tests.support.machine import crowding
from tests.support.servers import private_broker

OUTAGE_SECONDS = 60 * float(os.environ.get("OUTAGE_MINUTES", "0.15"))
RATE = float(os.environ.get("OUTAGE_RATE", "20"))
CALLERS = 4
DRAIN_SECONDS = 30.0
PATIENCE = 120 + 2 * OUTAGE_SECONDS


@contextmanager
def broker_to_stop() -> Iterator[BrokerNode]:
    """A node that a test stops and starts: at the end it is another process than the one that was started first."""
    with private_broker() as broker:
        try:
            yield broker
        finally:
            if (node := broker.running()) is not None:
                broker.stop(node)


@contextmanager
def stack_on(broker: BrokerNode) -> Iterator[County]:
    """A stack whose broker is ours to stop: its own supervisor would start it again."""
    county = County(f"outage-{os.getpid()}")
    up = [sys.executable, "-m", "cli.main", "up", "--instance", county.instance]
    subprocess.run(up, cwd=CHECKOUT, env={**os.environ, "AMQP_URL": broker.url()}, check=True, capture_output=True)
    try:
        yield county
    finally:
        county.close()


def waiting(county: County) -> int:
    return int(county.client.get("/ready").json()["intake"]["waiting"])


@pytest.mark.integration
@pytest.mark.timeout(300 + 3 * int(OUTAGE_SECONDS))
def test_calls_during_an_outage_become_incidents_each_once_in_order_and_with_the_time_they_were_made() -> None:
    with broker_to_stop() as broker, stack_on(broker) as county:
        node = broker.running()
        assert node is not None
        token = county.client.headers["Authorization"].removeprefix("Bearer ")
        callers = Callers(str(county.client.base_url), token, count=CALLERS, rate=RATE)
        callers.start()
        try:
            eventually(lambda: len(callers.all()) > RATE, within=60)
            broker.stop(node)
            time.sleep(OUTAGE_SECONDS / 2)
            county.kill("gateway")
            county.kill("dispatch")
            time.sleep(OUTAGE_SECONDS / 2)
            found = county.status()["intake"]
            broker.start()
            eventually(broker.answers, within=60, every=0.1)
            returned = time.monotonic()
            eventually(lambda: waiting(county) == 0, within=DRAIN_SECONDS * crowding() + 10, every=0.2)
            drained = time.monotonic() - returned
        finally:
            callers.stop()
        print(summary(callers, found, drained))
        check(county, callers)
        assert drained <= DRAIN_SECONDS * crowding()


def summary(callers: Callers, found: object, drained: float) -> str:
    reports = callers.all()
    statuses = dict(Counter(report.status for report in reports))
    refused = sum(len(report.refusals) for report in reports)
    slowest = max(report.seconds for report in reports)
    return (
        f"calls {len(reports)}, answers {statuses}, refused {refused}, slowest answer {slowest:.2f} s, "
        f"kept before the return {found}, drained in {drained:.1f} s"
    )


def check(county: County, callers: Callers) -> None:
    reports = callers.all()
    assert {report.status for report in reports} == {201, 202}
    assert [refusal for report in reports for refusal in report.refusals] == []
    rows = county.query(
        "dispatch",
        "SELECT reference_number, incident_id, extract(epoch FROM received_at)"
        " FROM incident WHERE reference_system = 'outage' ORDER BY incident_id",
    )
    assert Counter(number for number, _, _ in rows) == Counter(report.number for report in reports)
    received = {number: float(at) for number, _, at in rows}
    for report in reports:
        assert report.made_at - 1 <= received[report.number] <= report.made_at + report.seconds + 1
    made = [number for number, _, _ in rows]
    for place, mine in enumerate(callers.reports):
        assert [number for number in made if number.startswith(f"{place}-")] == [report.number for report in mine]
    for report in [report for report in reports if report.status == 202][:: max(1, len(reports) // 100)]:
        assert county.get(report.location)["state"] == "delivered"
