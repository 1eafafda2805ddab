"""The supervisor's question whether the broker keeps anything: an alarm is no reason to restart it."""

from __future__ import annotations

import pytest

from cli.stack.broker import BrokerNode
from tests.support.eventually import eventually

pytestmark = pytest.mark.integration


def test_a_healthy_node_keeps_what_it_is_asked_to_keep_before_and_after_the_stream_is_declared(
    broker_node: BrokerNode | None,
) -> None:
    if broker_node is None:
        pytest.skip("AMQP_URL names another broker")
    assert broker_node.answers()
    assert not broker_node.keeps_nothing()


def test_a_node_that_takes_nothing_because_its_disk_is_nearly_full_is_not_broken(
    broker_node: BrokerNode | None,
) -> None:
    if broker_node is None:
        pytest.skip("AMQP_URL names another broker")
    broker_node.control("set_disk_free_limit", "100000GB")
    try:
        assert eventually(lambda: "disk" in broker_node.control("eval", "rabbit_alarm:get_alarms()."), within=30)
        assert not broker_node.keeps_nothing()
    finally:
        broker_node.control("set_disk_free_limit", "200MB")
