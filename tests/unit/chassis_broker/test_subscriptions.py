"""Names and arguments of queues: what architecture.md promises, written out."""

from __future__ import annotations

from chassis.topology import Subscription, commands_exchange, events_exchange, queue_arguments, stream_arguments

GRID = Subscription("dispatch", "grid-tree", (("registry.events", "wangge.registry.#"),))


def test_names_follow_owner_consumer_and_purpose():
    assert (events_exchange("dispatch"), commands_exchange("dispatch")) == ("dispatch.events", "dispatch.commands")
    assert (GRID.queue, GRID.dead) == ("dispatch.grid-tree", "dispatch.grid-tree.dead")
    assert GRID.retry_queues == (
        "dispatch.grid-tree.retry.1s",
        "dispatch.grid-tree.retry.10s",
        "dispatch.grid-tree.retry.60s",
    )


def test_the_main_queue_has_exactly_the_arguments_of_the_architecture():
    assert queue_arguments(GRID)[GRID.queue] == {
        "x-queue-type": "quorum",
        "x-delivery-limit": 20,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": "dispatch.grid-tree.dead",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def test_a_retry_queue_gives_its_messages_back_to_the_main_queue_after_its_time():
    arguments = queue_arguments(GRID)["dispatch.grid-tree.retry.10s"]
    assert arguments["x-message-ttl"] == 10_000
    assert arguments["x-dead-letter-routing-key"] == "dispatch.grid-tree"


def test_no_argument_is_sent_that_release_4_refuses_and_none_is_left_to_its_changing_default():
    for arguments in queue_arguments(GRID).values():
        assert not {"x-queue-mode", "x-queue-version", "x-max-priority", "x-max-in-memory-length"} & set(arguments)
        assert "x-delivery-limit" in arguments


def test_the_stream_is_bounded_in_bytes_and_in_age():
    assert stream_arguments(max_bytes=10, max_age="7D", segment_bytes=5) == {
        "x-queue-type": "stream",
        "x-max-length-bytes": 10,
        "x-max-age": "7D",
        "x-stream-max-segment-size-bytes": 5,
    }


def test_the_last_retry_step_repeats():
    steps = [GRID.retry_queue(attempt).rpartition(".")[2] for attempt in range(1, 6)]
    assert steps == ["1s", "10s", "60s", "60s", "60s"]
