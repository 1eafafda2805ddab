"""What the stack says when servers are missing, and how it chooses ports."""

import base64
import hashlib
import os
import socket
from pathlib import Path

import pytest

from cli.stack import packages, ports
from cli.stack.broker import password_hash
from cli.stack.packages import StackError


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packages, "RABBITMQ_SERVER", tmp_path / "no-broker")
    monkeypatch.setattr(packages, "POSTGRES_ROOT", tmp_path / "no-database")


def test_without_servers_and_without_root_one_message_names_packages_and_the_other_way(
    nothing_installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(StackError) as refusal:
        packages.ensure_installed(print)
    for word in (
        "rabbitmq-server",
        "postgresql",
        "postgresql-postgis",
        "apt-get install",
        "make compose-servers",
        "AMQP_URL",
    ):
        assert word in str(refusal.value)


def test_while_packages_are_installed_nothing_may_start_and_afterwards_the_machine_is_as_it_was(
    nothing_installed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    policy, no_cluster = tmp_path / "policy-rc.d", tmp_path / "conf.d" / "no-main-cluster.conf"
    during: list[str] = []

    def apt(*arguments: str) -> None:
        during.append(f"{arguments[0]} {policy.read_text().split()[-1]} {no_cluster.read_text().strip()}")

    monkeypatch.setattr(packages, "POLICY", policy)
    monkeypatch.setattr(packages, "NO_MAIN_CLUSTER", no_cluster)
    monkeypatch.setattr(packages, "apt", apt)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(packages.shutil, "which", lambda _: "/usr/bin/apt-get")
    with pytest.raises(StackError):  # apt did nothing here, and the stack notices
        packages.ensure_installed(lambda _: None)
    assert during == ["update 101 create_main_cluster = false", "install 101 create_main_cluster = false"]
    assert not policy.exists()
    assert not no_cluster.exists()


def test_a_policy_that_was_there_before_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("theirs")
    monkeypatch.setattr(packages, "POLICY", policy)
    monkeypatch.setattr(packages, "NO_MAIN_CLUSTER", tmp_path / "conf")
    with packages._nothing_starts_by_itself():
        assert policy.read_text() == "theirs"
    assert policy.read_text() == "theirs"


def test_the_same_seed_gives_the_same_ports_and_a_taken_one_is_passed_over() -> None:
    first = ports.choose(["a", "b"], seed="here")
    assert ports.choose(["a", "b"], seed="here") == first
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", first["a"]))
        busy.listen()
        again = ports.choose(["a", "b"], seed="here")
    assert first["a"] not in again.values()
    assert len(set(again.values())) == 2


def test_a_port_taken_for_datagrams_only_is_not_free() -> None:
    port = ports.choose(["a"], seed="datagrams")["a"]
    with socket.socket(type=socket.SOCK_DGRAM) as busy:
        busy.bind(("127.0.0.1", port))
        assert not ports.is_free(port)


def test_a_brokers_password_hash_is_salt_and_sha256_of_salt_and_password() -> None:
    raw = base64.b64decode(password_hash("secret"))
    assert raw[4:] == hashlib.sha256(raw[:4] + b"secret").digest()
    assert password_hash("secret") != password_hash("secret2")
