"""A private RabbitMQ node on loopback ports: own name, own epmd, own cookie, own data; nothing of a system node's."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from cli.stack import ports, process
from cli.stack.packages import StackError, rabbitmq_server
from cli.stack.process import Identity
from contracts.names import STREAM

VHOST = "wangge"
ADMIN = "wangge_admin"
PROBE_QUEUE = "wangge.probe"
PROBE_ARGUMENTS = {"x-queue-type": "quorum", "x-max-length": 1}
PROBE_SECONDS = 1.0


@dataclass(frozen=True)
class BrokerNode:
    """Where a node lives and how to reach it. `users` maps user names to passwords; each may use the vhost `wangge`."""

    directory: Path
    name: str
    port: int
    distribution_port: int
    epmd_port: int
    password: str
    log: Path
    users: Mapping[str, str] = field(default_factory=dict)

    @property
    def node(self) -> str:
        return f"{self.name}@localhost"

    def url(self, user: str = ADMIN, vhost: str = VHOST) -> str:
        password = self.password if user == ADMIN else self.users[user]
        return f"amqp://{quote(user, safe='')}:{quote(password, safe='')}@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    def start_epmd(self) -> Identity:
        """Start the node's own port mapper. Erlang's own would be a daemon that nobody remembers and nobody stops."""
        self._write_files()
        command = ["epmd", "-address", "127.0.0.1", "-port", str(self.epmd_port)]
        return process.started(process.spawn(command, log=self.log, env=self.environment(), cwd=self.directory))

    def epmd_answers(self) -> bool:
        return ports.answers(self.epmd_port)

    def start(self) -> Identity:
        """Start the node; its epmd must run. It takes some seconds until `answers`."""
        self._write_files()
        command = [str(rabbitmq_server())]
        return process.started(process.spawn(command, log=self.log, env=self.environment(), cwd=self.directory))

    def running(self) -> Identity | None:
        """The node's process, whoever started it: known by its data directory, not by a remembered id."""
        return process.find("beam.smp", f"RABBITMQ_MNESIA_DIR={self.directory / 'mnesia'}")

    def epmd_running(self) -> Identity | None:
        return process.find("epmd", f"RABBITMQ_MNESIA_DIR={self.directory / 'mnesia'}")

    def stop(self, identity: Identity, *, within: float = 30) -> bool:
        """SIGTERM is RabbitMQ's orderly shutdown."""
        return process.stop(identity, within=within)

    def answers(self, user: str = ADMIN) -> bool:
        """Whether that user can log in and open the vhost."""
        if not ports.answers(self.port):
            return False
        import pika
        import pika.exceptions

        parameters = pika.URLParameters(self.url(user))
        parameters.socket_timeout = parameters.blocked_connection_timeout = 5
        try:
            pika.BlockingConnection(parameters).close()
        except (pika.exceptions.AMQPError, OSError):
            return False
        return True

    def keeps_nothing(self) -> bool:
        """Whether the node answers and yet refuses a message for a durable queue, or has lost its stream.

        A node whose disk was full goes on like that for ever once there is room again; only a restart helps (decision
        0026). Slowness, or an alarm for memory or disk, is no refusal; nor is a stream that nobody has declared yet.
        """
        import pika

        from chassis.link import BrokerLost, BrokerRefused, Link, Message

        message = Message("", PROBE_QUEUE, b"", pika.BasicProperties(delivery_mode=2))
        try:
            with Link(self.url(), name="supervisor", timeout=PROBE_SECONDS) as link:
                link.call("queue_declare", PROBE_QUEUE, durable=True, arguments=PROBE_ARGUMENTS)
                if link.publish_all([message], PROBE_SECONDS) == ["nacked"]:
                    return True
                link.call("queue_declare", STREAM, passive=True)
        except BrokerRefused as refused:
            return refused.code == pika.spec.INTERNAL_ERROR or "is down or inaccessible" in refused.text
        except BrokerLost:
            return False
        return False

    def control(self, *arguments: str, within: float = 60) -> str:
        """Run rabbitmqctl against this node (about a second: it starts an Erlang machine)."""
        return control(*arguments, environment=self.environment(), within=within)

    def import_definitions(self) -> None:
        """Bring a running node's users and permissions up to date; what it has beyond them stays."""
        self._write_files()
        self.control("import_definitions", str(self.directory / "definitions.json"))

    def environment(self) -> dict[str, str]:
        """Environment of the node and of its tools. Nothing of the caller's is passed on but the search path."""
        at = self.directory
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(at),  # where Erlang looks for the cookie
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_CONF_ENV_FILE": str(at / "absent.conf"),  # not the system's
            "RABBITMQ_CONFIG_FILE": str(at / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(at / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(at / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(at),
            "RABBITMQ_MNESIA_DIR": str(at / "mnesia"),
            "RABBITMQ_PID_FILE": str(at / "pid"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(at / "generated"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_LOG_BASE": str(at),  # upgrades and crash dumps are written there whatever RABBITMQ_LOGS says
            "ERL_CRASH_DUMP": str(at / "erl_crash.dump"),
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false",
            # On a machine that has two cores for everything, a busy-waiting scheduler steals from the services.
            "RABBITMQ_SCHEDULER_BIND_TYPE": "u",
            "detached": "1",  # the script then becomes the node instead of watching over it: one process, one id
        }

    def _write_files(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        cookie = self.directory / ".erlang.cookie"
        if not cookie.exists():
            write_private(cookie, secrets.token_hex(24))
            cookie.chmod(0o400)
        (self.directory / "enabled_plugins").write_text("[].\n")
        write_private(self.directory / "definitions.json", json.dumps(self._definitions(), indent=1))
        (self.directory / "rabbitmq.conf").write_text(
            f"listeners.tcp.local = 127.0.0.1:{self.port}\n"
            f"load_definitions = {self.directory / 'definitions.json'}\n"
            "loopback_users.guest = true\n"
            "vm_memory_high_watermark.absolute = 1GiB\n"
            "disk_free_limit.absolute = 200MB\n"
            "log.console = true\n"
            "log.console.level = info\n"
        )

    def _definitions(self) -> dict[str, object]:
        users = {ADMIN: self.password, **self.users}
        return {
            "users": [
                {
                    "name": user,
                    "password_hash": password_hash(password),
                    "hashing_algorithm": "rabbit_password_hashing_sha256",
                    "tags": "administrator" if user == ADMIN else "",
                }
                for user, password in users.items()
            ],
            "vhosts": [{"name": VHOST}],
            "permissions": [
                {"user": user, "vhost": VHOST, "configure": ".*", "write": ".*", "read": ".*"} for user in users
            ],
        }


def control(*arguments: str, environment: Mapping[str, str], within: float = 60) -> str:
    """Run rabbitmqctl and return what it printed; raises StackError when it fails."""
    program = rabbitmq_server().parent / "rabbitmqctl"
    done = subprocess.run(
        [str(program), "--quiet", *arguments],
        env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=within, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise StackError(f"rabbitmqctl {arguments[0]} failed: {(done.stdout + done.stderr).strip()}")
    return done.stdout


def password_hash(password: str) -> str:
    """RabbitMQ's salted SHA-256 form: base64(salt + sha256(salt + password)), four bytes of salt from the password.

    The salt is derived, not random, so that the definitions file does not change at every start.
    """
    salt = hashlib.sha256(b"salt" + password.encode()).digest()[:4]
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, from the first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
