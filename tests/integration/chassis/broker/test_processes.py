"""How the service and its sidecar start, wait, end and die."""

from __future__ import annotations

import dataclasses
import signal
from contextlib import closing
from datetime import timedelta

import psycopg2
import pytest

from chassis import topology
from chassis.cleaner import Cleaner

pytestmark = pytest.mark.integration


def test_a_service_waits_for_a_database_that_comes_later(start, store, broker, eventually, postgres_url):
    allow = f'ALTER DATABASE "{store.engine.url.database}" ALLOW_CONNECTIONS'
    with closing(psycopg2.connect(postgres_url)) as admin:
        admin.autocommit = True
        admin.cursor().execute(f"{allow} false")
        service = start("sample_service.py", store, broker.url)
        eventually(lambda: '"waiting_for":"database"' in service.log.read_text().replace(" ", ""), 20)
        assert not service.ready()
        admin.cursor().execute(f"{allow} true")
    service.until_ready()


def test_bad_settings_end_the_process_with_the_exit_status_for_configuration(start, store):
    process = start("sample_sidecar.py", store, "", DATABASE_URL="")
    assert process.child.wait(20) == 78
    assert "AMQP_URL" in process.log.read_text()


@pytest.mark.parametrize("program", ["sample_service.py", "sample_sidecar.py"])
def test_a_process_told_to_stop_while_it_waits_for_its_database_exits_zero(start, store, broker, program, eventually):
    process = start(program, store, broker.url, DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    eventually(lambda: "waiting" in process.log.read_text(), 20)
    assert process.get("/live")[0] == 200
    assert process.get("/ready")[0] == 503
    assert process.terminate() == 0


def test_the_sidecar_drains_on_sigterm_and_serves_metrics_until_then(start, store, broker):
    sidecar = start("sample_sidecar.py", store, broker.url).until_ready()
    status, text = sidecar.get("/metrics")
    assert status == 200
    assert "wangge_outbox_depth_messages 0.0" in text
    assert sidecar.terminate() == 0


def test_a_sidecar_whose_thread_died_exits_non_zero_at_once(start, store, broker, eventually):
    sidecar = start("sample_sidecar.py", store, broker.url).until_ready()
    store.run("ALTER TABLE outbox ALTER COLUMN exchange DROP NOT NULL")
    # A row that no outbox may hold: a defect, neither an outage nor a message that cannot be encoded.
    store.run(
        "INSERT INTO outbox (message_id, exchange, routing_key, order_key, body, content_type)"
        " VALUES (gen_random_uuid(), NULL, 'sample.counted.v1', 'a', '', 'x')"
    )
    assert sidecar.child.wait(20) == 1
    assert "sidecar thread died" in sidecar.log.read_text()


def test_a_service_that_finds_other_queue_arguments_says_so_and_exits_non_zero(start, store, new_vhost):
    url = new_vhost()
    other = topology.Subscription("sample", "counts", (("sample.events", "#"),), delivery_limit=7)
    topology.declare(url, ["sample"], [dataclasses.replace(other, retry_seconds=(1,))])
    service = start("sample_service.py", store, url)
    assert service.child.wait(30) not in (0, 78, -signal.SIGKILL)
    assert "sample.counts: x-delivery-limit" in service.log.read_text()


def test_old_rows_are_cleaned_and_young_ones_stay(store):
    store.run(
        "INSERT INTO inbox (handler, message_id, received_at) SELECT 'h', gen_random_uuid(),"
        " clock_timestamp() - n * interval '1 day' FROM generate_series(0, 13) n"
    )
    cleaner = Cleaner(store.engine, store.tables.inbox, "received_at", timedelta(days=7))
    assert cleaner.clean_once() == 7
    assert cleaner.clean_once() == 0
    assert store.count("inbox") == 7
