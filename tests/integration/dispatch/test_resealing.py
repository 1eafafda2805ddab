"""A new master key: what exists is sealed anew, opens as before, and the old key can go."""

from __future__ import annotations

import base64
import os
import subprocess
import sys

import pytest
import sqlalchemy as sa

from chassis.vault import DEVELOPMENT_MASTER_KEY, Vault, VaultError
from services.dispatch.adapters.resealing import reseal
from tests.integration.dispatch.county import DEV, call_for_help, command

pytestmark = pytest.mark.integration
NEW_KEY = "k2:" + base64.b64encode(os.urandom(32)).decode()
CALLER = {"name": "演示人", "phone": "13800000000", "relation": "邻居"}


def taken_in(dispatch, number):
    """Ids of incidents whose callers left their number."""
    calls = [command("incident.create", data=call_for_help(caller=CALLER)) for _ in range(number)]
    return [answer["result"]["incident_id"] for answer in dispatch.execute(calls, DEV)]


@pytest.fixture
def called(dispatch):
    return taken_in(dispatch, 3)


def sealed(engine):
    with engine.connect() as connection:
        return dict(connection.execute(sa.text("SELECT incident_id::text, sealed FROM contact")).all())


def run(database_url, keys):
    told = {"DATABASE_URL": database_url, "WANGGE_MASTER_KEY": keys}
    return subprocess.run(
        [sys.executable, "-m", "services.dispatch.entrypoints.admin", "reseal"], env={**os.environ, **told},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_after_the_command_the_old_key_can_go(engine, database_url, called):
    done = run(database_url, f"{NEW_KEY},{DEVELOPMENT_MASTER_KEY}")
    assert (done.returncode, "3 sealed anew by k2" in done.stdout) == (0, True), done.stderr
    alone = Vault.from_text(NEW_KEY, mode="development")
    for incident_id, content in sealed(engine).items():
        assert b"13800000000" in alone.open(incident_id, content)
    with pytest.raises(VaultError):
        Vault.from_text(DEVELOPMENT_MASTER_KEY, mode="development").open(called[0], sealed(engine)[called[0]])
    again = run(database_url, NEW_KEY)
    assert (again.returncode, "0 sealed anew" in again.stdout) == (0, True)


def test_what_a_missing_key_sealed_is_left_and_named(engine, database_url, called):
    before = sealed(engine)
    done = run(database_url, NEW_KEY)
    assert done.returncode == 1
    assert "which is not configured" in done.stdout
    assert sealed(engine) == before


def test_more_than_a_page_is_done_page_by_page(engine, dispatch, called):
    for _ in range(2):
        taken_in(dispatch, 499)
    vault = Vault.from_text(f"{NEW_KEY},{DEVELOPMENT_MASTER_KEY}", mode="development")
    steps = []
    done = reseal(engine, vault, lambda so_far: steps.append(so_far.seen))
    assert (done.seen, done.changed, steps) == (1001, 1001, [500, 1000, 1001])
    assert {vault.sealed_by(bytes(each)) for each in sealed(engine).values()} == {"k2"}
