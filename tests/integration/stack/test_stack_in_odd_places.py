"""Stacks where something is in the way: closed folders, wrong settings, servers that somebody else runs."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.stack.instance import CHECKOUT
from cli.stack.postgres import account
from tests.integration.stack.conftest import Wangge
from tests.support.databases import DatabaseFactory
from tests.support.vhosts import VhostFactory

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture
def closed_checkout(tmp_path: Path) -> Iterator[Wangge]:
    """A copy of the stack's code in a folder that only its owner may enter."""
    closed = tmp_path / "closed"
    checkout = closed / "checkout"
    for package in ("cli", "tests/support"):
        shutil.copytree(CHECKOUT / package, checkout / package, ignore=shutil.ignore_patterns("__pycache__"))
    (checkout / "tests" / "__init__.py").touch()
    closed.chmod(0o700)
    wangge = Wangge(checkout)
    yield wangge
    wangge("down", "--instance", "closed", "--destroy")


def test_in_a_checkout_that_postgres_cannot_enter_its_data_lives_elsewhere_and_up_says_so(
    closed_checkout: Wangge,
) -> None:
    said = closed_checkout.up("closed").stderr
    place = Path(closed_checkout.status("closed")["places"]["postgres"])
    if account() is None:  # not root: PostgreSQL runs as ourselves and may enter
        assert place.is_relative_to(closed_checkout.checkout)
        return
    assert place.parent == Path("/var/lib/wangge")
    assert str(place) in said

    closed_checkout("down", "--instance", "closed", "--destroy")

    assert not place.exists()


def test_a_part_with_wrong_settings_is_not_restarted_until_up_is_asked_again(
    wangge: Wangge, destroyed: Callable[[str], str], tmp_path: Path, new_vhost: VhostFactory, postgres_url: str
) -> None:
    name, fault = destroyed(f"test-{os.getpid()}-odd"), tmp_path / "fault"
    fault.touch()
    given = {"AMQP_URL": new_vhost(), "DATABASE_URL": postgres_url}
    parts = json.loads((CHECKOUT / "tests/support/stack_parts/parts.json").read_text())
    parts["parts"][1]["env"] = {"WANGGE_TINY_FAULT_FILE": str(fault)}
    broken = tmp_path / "parts.json"
    broken.write_text(json.dumps(parts))
    up = ("up", "--instance", name, "--parts", str(broken), "--wait", "60")
    wangge = Wangge(env=given)

    refused = wangge(*up, ok=False)

    assert refused.returncode == 78
    assert "WANGGE_SOMETHING: missing" in refused.stderr
    part = wangge.part(name, "ledger")
    assert (part["state"], part["restarts"], part["last_exit"]) == ("misconfigured", 0, "exit 78")

    fault.unlink()
    wangge(*up)

    assert wangge.part(name, "ledger")["ready"]


def test_with_servers_given_none_is_started_and_down_stops_none(
    destroyed: Callable[[str], str], new_vhost: VhostFactory, postgres_url: str, new_database: DatabaseFactory
) -> None:
    name = destroyed(f"test-{os.getpid()}-given")
    wangge = Wangge(env={"AMQP_URL": new_vhost(), "DATABASE_URL": postgres_url})
    wangge.up(name)
    status = wangge.status(name)
    assert [part["name"] for part in status["parts"] if part["kind"] == "server"] == []
    assert status["places"]["postgres"] == "DATABASE_URL"

    wangge("down", "--instance", name)

    assert new_database("still-there")


def test_an_instance_name_that_could_leave_its_folder_is_refused(wangge: Wangge) -> None:
    refused = wangge("up", "--instance", "../elsewhere", ok=False)
    assert refused.returncode == 1
    assert "instance names" in refused.stderr
