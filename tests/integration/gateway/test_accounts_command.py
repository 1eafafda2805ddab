"""`wangge accounts`, as it is typed in a gateway's own container: DATABASE_URL names the database."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import cli
from gateway.accounts.sealing import DEVELOPMENT_IDENTITY_KEY
from gateway.accounts.tables import audit, signing_key
from tests.integration.gateway.county_accounts import ANOTHER, CountyAccounts, Person
from tests.integration.gateway.running import ROOT, GatewayProcess
from tests.support.eventually import eventually

Pair = tuple[GatewayProcess, GatewayProcess]


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch, county: CountyAccounts) -> None:
    monkeypatch.setenv("DATABASE_URL", county.url)
    monkeypatch.setenv("WANGGE_IDENTITY_KEY", DEVELOPMENT_IDENTITY_KEY)
    monkeypatch.setenv("WANGGE_OPERATOR", "night-shift")


def wangge(*arguments: str, given: str | None = None, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["accounts", *arguments], input=given)
    assert result.exit_code == code, result.output
    return result


def test_an_account_from_its_first_password_to_its_end(pair: Pair, county: CountyAccounts) -> None:
    made = wangge("add", "Operator-1", "--role", "dispatcher", "--jurisdiction", "999999001")
    first = made.stdout.strip()
    person = Person(pair[0].url)
    assert person.sign_in("operator-1", first).json()["setup_required"] is True
    body = {"password": first, "new_password": ANOTHER}
    assert person.call("POST", "/v1/auth/password", json=body).status_code == 204
    wangge("rights", "operator-1", "--jurisdiction", "999999002", "--jurisdiction", "999999003")
    (session,) = wangge("sessions", "operator-1").stdout.splitlines()
    assert "ended: 1" in wangge("revoke", "operator-1", "--session", session.split()[0]).stdout
    temporary = wangge("reset-password", "operator-1").stdout.strip()
    assert person.sign_in("operator-1", ANOTHER).status_code == 400
    assert person.sign_in("operator-1", temporary).status_code == 200
    wangge("reset-totp", "operator-1")
    wangge("disable", "operator-1")
    assert person.sign_in("operator-1", temporary).status_code == 400
    wangge("enable", "operator-1")
    shown = json.loads(wangge("show", "operator-1").stdout)
    assert shown["jurisdictions"] == ["999999002", "999999003"]
    actions = [(each["action"], each["by"]) for each in reversed(shown["changes"])]
    by, self = "cli:night-shift", f"account:{shown['id']}"
    assert actions == [
        ("account.added", by), ("account.changed_own_word", self), ("account.rights", by), ("account.revoked", by),
        ("account.reset_word", by), ("account.second_factor_reset", by), ("account.disabled", by),
        ("account.enabled", by),
    ]  # fmt: skip
    recorded = repr(county.run(lambda connection: connection.execute(audit.select()).all()))
    for secret in (first, temporary, ANOTHER):
        assert secret not in recorded


def test_a_password_comes_over_standard_input_and_has_to_be_a_good_one(pair: Pair) -> None:
    refused = wangge("add", "operator-2", "--password-stdin", given="password1234\n", code=1)
    assert "common word" in refused.output
    wangge("add", "operator-2", "--password-stdin", given=ANOTHER + "\n")
    assert Person(pair[0].url).sign_in("operator-2", ANOTHER).status_code == 200
    help_of_all = "".join(wangge(command, "--help").output for command in ("add", "reset-password"))
    assert "--password " not in help_of_all


def test_what_is_refused_says_why_and_changes_nothing(county: CountyAccounts) -> None:
    assert "login" in wangge("add", "x", code=1).output
    assert "role" in wangge("add", "operator-3", "--role", "Ops!", code=1).output
    assert "role" in wangge("add", "operator-3", "--role", "developer", code=1).output
    assert "grid code" in wangge("add", "operator-3", "--jurisdiction", "town", code=1).output
    assert "no account" in wangge("disable", "operator-3", code=1).output
    wangge("add", "operator-3", "--role", "dispatcher")
    assert "account of that login" in wangge("add", "OPERATOR-3", code=1).output
    assert wangge("rights", "operator-3", code=2).exit_code == 2
    assert [row["login"] for row in json.loads(wangge("list", "--json").stdout)].count("operator-3") == 1


def test_a_client_is_added_listed_rotated_and_revoked() -> None:
    client = (
        "api-client",
        "add",
        "kiosk-9",
        "--role",
        "integration",
        "--jurisdiction",
        "999999001",
        "--scope",
        "incident.read",
    )
    key = wangge(*client).stdout.strip()
    assert key.startswith("wgk_")
    assert "a client of that name" in wangge(*client, code=1).output
    assert wangge("api-client", "rotate", "kiosk-9").stdout.strip() != key
    wangge("api-client", "revoke", "kiosk-9")
    (row,) = [row for row in json.loads(wangge("api-client", "list", "--json").stdout) if row["name"] == "kiosk-9"]
    assert row["revoked_at"] is not None
    assert row["scopes"] == ["incident.read"]
    assert "revoked" in wangge("api-client", "revoke", "kiosk-9", code=1).output


def test_in_a_gateways_container_it_needs_nothing_else_of_the_command_line(
    tmp_path: Path, county: CountyAccounts
) -> None:
    for folder in ("contracts", "chassis", "gateway", "cli/accounts"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "cli" / "__init__.py").touch()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "DATABASE_URL": county.url}
    command = [sys.executable, "-P", "-W", "ignore", "-m", "cli.accounts", "list", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), list)


def test_every_command_has_an_example() -> None:
    from cli.accounts.clients import api_client
    from cli.accounts.command import accounts

    commands = [*accounts.commands.values(), *api_client.commands.values()]
    assert all("Example" in str(command.epilog) for command in commands if command is not api_client)


def test_a_new_signing_key_is_published_before_it_signs_and_at_once_ends_the_old_ones(
    pair: Pair, county: CountyAccounts
) -> None:
    county.add("operator-4")
    person = Person(pair[0].url)
    person.sign_in("operator-4")
    wangge("rotate-key")
    person.refresh()
    assert person.status() == 200
    now = wangge("rotate-key", "--at-once").stdout.strip()
    eventually(lambda: person.status() == 401, within=3)
    assert person.refresh().status_code == 200
    assert person.status() == 200
    rows = county.run(lambda connection: connection.execute(signing_key.select()).all())
    assert [row.kid for row in rows if row.ends_at is None] == [now]
    assert now.encode() not in b"".join(bytes(row.sealed) for row in rows)
