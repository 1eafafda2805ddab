"""`wangge up`, `status`, `down`: as a person types them."""

import json
import os
import signal
import stat
from collections.abc import Callable
from dataclasses import replace

import httpx
import psycopg2
import pytest

from cli.stack.broker_users import ensure_users
from cli.stack.instance import Instance
from cli.stack.plan import read_plan
from tests.integration.stack.conftest import Wangge
from tests.support.eventually import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def test_up_prints_an_address_that_answers_and_the_token_that_its_gateway_was_given(wangge: Wangge, stack: str) -> None:
    found = json.loads(wangge.up(stack, "--json").stdout)
    assert httpx.get(found["url"] + "/ready").text == found["token"]


def test_a_second_up_changes_nothing_and_prints_the_same(wangge: Wangge, stack: str) -> None:
    before = {part: wangge.identity(stack, part) for part in ("broker", "postgres", "ledger", "gateway")}
    first, second = wangge.up(stack).stdout, wangge.up(stack).stdout
    assert first == second
    assert f"http://127.0.0.1:{wangge.part(stack, 'gateway')['port']}" in first
    assert {part: wangge.identity(stack, part) for part in before} == before


def test_status_shows_every_part_ready_with_queues_outboxes_and_dead_letters(wangge: Wangge, stack: str) -> None:
    report = wangge.status(stack)
    assert report["exit_code"] == 0
    assert {part["name"]: part["state"] for part in report["parts"]} == {
        "epmd": "ready", "broker": "ready", "postgres": "ready", "databases": "done", "broker-users": "done",
        "ledger-migrate": "done", "ledger": "ready", "gateway": "ready",
    }  # fmt: skip
    assert report["outboxes"] == [{"service": "ledger", "messages": 0, "oldest_seconds": None}]
    assert report["queues"] == []
    assert report["dead_letters"] == 0


def test_without_a_terminal_status_has_no_colours(wangge: Wangge, stack: str) -> None:
    printed = wangge("status", "--instance", stack).stdout
    assert "\x1b" not in printed
    assert "ledger" in printed


def test_secrets_are_readable_by_their_owner_only(stack: str) -> None:
    mode = (Instance.named(stack).directory / "secrets").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_service_logs_in_to_both_servers_as_itself(stack: str) -> None:
    plan = read_plan(Instance.named(stack))
    assert plan is not None
    assert plan.amqp_url("ledger").startswith("amqp://ledger:")
    connection = psycopg2.connect(plan.database_url("ledger"))
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user")
            assert cursor.fetchone() == ("ledger", False)
    finally:
        connection.close()


@pytest.mark.chaos
def test_a_killed_part_is_started_again_and_counted(wangge: Wangge, stack: str) -> None:
    victim = wangge.identity(stack, "ledger")
    restarts = wangge.part(stack, "ledger")["restarts"]
    os.kill(victim.pid, signal.SIGKILL)
    after = eventually(
        lambda: (part := wangge.part(stack, "ledger"))["ready"] and part["pid"] != victim.pid and part, within=20
    )
    assert after["restarts"] == restarts + 1
    assert after["last_exit"] == "SIGKILL"


@pytest.mark.chaos
def test_a_killed_database_is_started_again(wangge: Wangge, stack: str) -> None:
    victim = wangge.identity(stack, "postgres")
    os.kill(victim.pid, signal.SIGKILL)
    eventually(lambda: (part := wangge.part(stack, "postgres"))["ready"] and part["pid"] != victim.pid, within=30)


@pytest.mark.chaos
def test_after_the_supervisor_is_killed_no_part_lives_and_up_adopts_the_servers(wangge: Wangge, stack: str) -> None:
    before = {part: wangge.identity(stack, part) for part in ("broker", "postgres", "ledger", "gateway")}
    os.kill(wangge.status(stack)["supervisor"], signal.SIGKILL)
    eventually(lambda: not before["ledger"].alive() and not before["gateway"].alive())
    assert wangge("status", "--instance", stack, ok=False).returncode == 3

    wangge.up(stack)

    assert wangge.identity(stack, "broker") == before["broker"]
    assert wangge.identity(stack, "postgres") == before["postgres"]
    assert wangge.identity(stack, "ledger") != before["ledger"]


def test_a_second_instance_runs_beside_the_first_and_its_down_leaves_the_first_alone(
    wangge: Wangge, stack: str, destroyed: Callable[[str], str]
) -> None:
    other = destroyed(f"{stack}-b")
    wangge.up(other)
    one, two = wangge.status(stack), wangge.status(other)
    ports = [part["port"] for report in (one, two) for part in report["parts"] if part["port"]]
    assert len(ports) == len(set(ports))

    wangge("down", "--instance", other)

    assert wangge.status(other)["up"] is False
    assert wangge.status(stack)["exit_code"] == 0


def test_a_service_added_since_the_broker_started_gets_its_user(stack: str) -> None:
    plan = read_plan(Instance.named(stack))
    assert plan is not None
    assert plan.broker is not None
    assert ensure_users(plan.broker) is False
    grown = replace(plan.broker, users={**plan.broker.users, "newcomer": "its password"})
    assert not grown.answers("newcomer")
    assert ensure_users(grown) is True
    assert grown.answers("newcomer")


def test_logs_shows_the_end_of_a_parts_log(wangge: Wangge, stack: str) -> None:
    assert "postgres" in wangge("logs", "--instance", stack).stdout.split()
    assert "database system is ready" in wangge("logs", "postgres", "--instance", stack, "-n", "500").stdout
    assert wangge("logs", "nobody", "--instance", stack, ok=False).returncode == 1
