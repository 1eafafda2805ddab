"""What becomes of events on their way into a handler, with a real broker, database and service process."""

from __future__ import annotations

import pika
import psycopg2
import pytest

from chassis import dead_letters
from chassis.link import Message

pytestmark = pytest.mark.integration
QUEUE, DEAD, RETRY = "sample.counts", "sample.counts.dead", "sample.counts.retry.1s"


def orders(number, **rest):
    return [{"key": "k", "number": each, **rest} for each in range(number)]


def test_a_thousand_events_take_effect_once_each_in_order_and_in_few_batches(service, store, broker, eventually):
    broker.publish(orders(1000))
    eventually(lambda: store.count("effect") == 1000, 20)
    assert [row.number for row in store.rows("SELECT number FROM effect ORDER BY id")] == list(range(1000))
    assert store.rows("SELECT max(batch) FROM effect")[0][0] > 50
    eventually(lambda: broker.depth(QUEUE) == 0)


def test_a_poison_message_ends_alone_in_the_dead_queue_and_its_499_neighbours_go_through(
    service, store, broker, eventually
):
    batch = orders(500)
    batch[123]["do"] = "poison"
    ids = broker.publish(batch)
    eventually(lambda: store.count("effect") == 499 and broker.depth(DEAD) == 1, 30)
    assert store.effects() == {str(each): 1 for each in ids if each != ids[123]}
    [letter] = dead_letters.list_messages(broker.url, DEAD)
    assert letter.message_id == str(ids[123])
    assert letter.handler == "counts"
    assert letter.routing_key == "sample.counted.v1"
    assert letter.error.startswith("KeyError at sample_service.py")
    assert "13800138000" not in str(letter.headers)
    assert broker.depth(QUEUE) == 0


@pytest.mark.parametrize("message_id", [None, "not-a-uuid"])
def test_a_message_without_a_usable_id_is_dead_lettered_and_its_neighbour_goes_through(
    service, store, broker, eventually, message_id
):
    broker.publish_raw(
        [Message("sample.events", "sample.counted.v1", b"{}", pika.BasicProperties(message_id=message_id))]
    )
    broker.publish(orders(1))
    eventually(lambda: store.count("effect") == 1 and broker.depth(DEAD) == 1, 10)
    [letter] = dead_letters.list_messages(broker.url, DEAD)
    assert "message_id" in letter.error


def test_a_body_that_cannot_be_decoded_is_dead_lettered_with_its_bytes(service, store, broker, eventually):
    body = b"\xff\xfe not json"
    properties = pika.BasicProperties(message_id="0199f0c4-0000-7000-8000-000000000001")
    broker.publish_raw([Message("sample.events", "sample.counted.v1", body, properties)])
    eventually(lambda: broker.depth(DEAD) == 1, 10)
    [letter] = dead_letters.list_messages(broker.url, DEAD)
    assert letter.body == body
    assert letter.error.startswith("JSONDecodeError")


def test_a_retryable_failure_waits_in_the_retry_queue_and_then_succeeds(service, store, broker, eventually):
    [event] = broker.publish(orders(1, do="retry", until=3))
    eventually(lambda: store.count("effect") == 1, 15)
    [row] = store.rows("SELECT message_id, attempt, routing_key FROM effect")
    assert (row.message_id, row.attempt, row.routing_key) == (event, 3, "sample.counted.v1")
    assert broker.depth(DEAD) == 0
    eventually(lambda: broker.depth(RETRY) == 0)


def test_a_retryable_failure_is_dead_after_its_last_attempt(service, store, broker, eventually):
    broker.publish(orders(1, do="retry", until=99))
    eventually(lambda: broker.depth(DEAD) == 1, 15)
    assert store.count("attempt") == 3
    [letter] = dead_letters.list_messages(broker.url, DEAD)
    assert (letter.attempt, letter.error) == (3, "NotYet: not_yet: not yet")


def test_a_service_killed_between_commit_and_acknowledgement_makes_one_effect(start, store, broker, eventually):
    first = start("sample_service.py", store, broker.url).until_ready()
    ids = broker.publish(orders(5, do="die after commit"))
    first.child.wait(20)
    assert store.count("effect") > 0
    assert store.rows("SELECT died FROM fate") == [(True,)]
    start("sample_service.py", store, broker.url).until_ready()
    eventually(lambda: broker.depth(QUEUE) == 0 and store.effects() == {str(each): 1 for each in ids}, 20)
    # The killed batch was handled twice, though its effect is there once.
    assert store.count("attempt") > len(ids) - 1


def test_two_event_methods_of_one_service_each_get_their_own_queue(service, store, broker, eventually):
    broker.publish(orders(3))
    broker.publish(orders(2), exchange="sample.commands", routing_key="sample.order")
    eventually(lambda: store.count("effect") == 5)
    assert store.rows("SELECT handler, count(*) FROM effect GROUP BY 1 ORDER BY 1") == [("counts", 3), ("orders", 2)]


def test_the_trace_of_a_handler_is_open_while_it_runs(service, store, broker, eventually):
    broker.publish(orders(1))
    eventually(lambda: store.count("effect") == 1)
    [row] = store.rows("SELECT traceparent FROM effect")
    assert row.traceparent is not None


def test_while_the_database_is_away_nothing_is_lost_and_no_attempt_is_burnt(
    service, store, broker, eventually, postgres_url
):
    closed = f'ALTER DATABASE "{store.engine.url.database}" ALLOW_CONNECTIONS'
    admin = psycopg2.connect(postgres_url)
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"{closed} false")
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (store.engine.url.database,)
        )
        ids = broker.publish(orders(20))
        eventually(lambda: "handler waits for the database" in service.log.read_text(), 15)
        assert not service.ready()
        assert broker.depth("sample.counts.retry.1s") == 0
        cursor.execute(f"{closed} true")
    admin.close()
    # Ours were ended too, and one that was used a moment ago is not asked whether it is still there.
    store.engine.dispose()
    eventually(lambda: store.count("effect") == 20, 20)
    assert store.effects() == {str(each): 1 for each in ids}
    assert store.rows("SELECT DISTINCT attempt FROM effect") == [(1,)]
    assert broker.depth(DEAD) == 0


def test_a_drain_finishes_the_batch_in_hand_and_exits_zero(service, store, broker, eventually):
    broker.publish(orders(1, then_wait=2))
    eventually(lambda: store.count("effect") == 1)
    assert service.terminate() == 0
    # Acknowledged, not given back: nobody consumes any more, so what was not acknowledged would be there.
    assert broker.depth(QUEUE) == 0
