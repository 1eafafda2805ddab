"""Where everything of one instance will be: ports, addresses, directories, the environment of each part."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cli.stack import keys, ports
from cli.stack.broker import BrokerNode
from cli.stack.database_roles import service_role
from cli.stack.instance import MARK, Instance
from cli.stack.packages import StackError
from cli.stack.parts import PARTS, Part, PartList, read_parts
from cli.stack.postgres import PostgresCluster, account_can_enter, with_database

SERVER_PORTS = ("postgres", "amqp", "amqp-distribution", "epmd")
USUAL_HTTP_PORT = 8115  # of the instance `default`, when it is free
# For an account that cannot enter the checkout. /var/lib is where Debian's own clusters live.
ELSEWHERE = Path("/var/lib/wangge")


@dataclass(frozen=True)
class Plan:
    """Made from what the instance remembers; making it twice gives the same plan."""

    instance: Instance
    parts: PartList
    secrets: Mapping[str, str]
    remembered: Mapping[str, object]

    @property
    def port(self) -> Mapping[str, int]:
        return self.remembered["ports"]  # type: ignore[return-value]

    @property
    def amqp_url_given(self) -> str | None:
        return self.secrets.get("given.AMQP_URL")

    @property
    def database_url_given(self) -> str | None:
        return self.secrets.get("given.DATABASE_URL")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port['http']}"

    @cached_property
    def broker(self) -> BrokerNode | None:
        """The private node; None when AMQP_URL names another broker."""
        if self.amqp_url_given:
            return None
        return BrokerNode(
            directory=self.instance.directory / "broker",
            name=f"wangge-{self.instance.digest}",
            port=self.port["amqp"],
            distribution_port=self.port["amqp-distribution"],
            epmd_port=self.port["epmd"],
            password=self.secrets["amqp.admin"],
            log=self.instance.log("broker"),
            users={user: self.secrets[f"amqp.{user}"] for user in self.parts.user_names},
        )

    @cached_property
    def postgres(self) -> PostgresCluster | None:
        """The private cluster; None when DATABASE_URL names another server."""
        if self.database_url_given:
            return None
        return PostgresCluster(
            data=Path(str(self.remembered["postgres_data"])),
            port=self.port["postgres"],
            password=self.secrets["postgres.admin"],
            log=self.instance.log("postgres"),
        )

    @property
    def database_admin_url(self) -> str:
        if self.postgres is not None:
            return self.postgres.url
        return str(self.database_url_given)

    def database_name(self, service: str) -> str:
        """A private cluster holds nothing else; on a given server the name must not meet somebody else's."""
        return service if self.postgres is not None else f"wangge_{self.instance.name.replace('-', '_')}_{service}"

    def database_url(self, service: str) -> str:
        name = self.database_name(service)
        password = self.secrets[f"postgres.{service}"]
        return with_database(self.database_admin_url, name, user=name, password=password)

    def service_database_url(self, service: str) -> str:
        """As the role that works with the tables and owns none of them."""
        password = self.secrets[f"postgres.{service}_service"]
        name = self.database_name(service)
        return with_database(self.database_admin_url, name, user=service_role(name), password=password)

    def amqp_url(self, user: str) -> str:
        return str(self.amqp_url_given) if self.broker is None else self.broker.url(user)

    def environment(self, part: Part) -> dict[str, str]:
        """The whole environment of a part: the caller's, less its settings, plus ours."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("WANGGE_", "AMQP_", "DATABASE_", "PG"))}
        chosen = {k: v for k, v in os.environ.items() if k in {"WANGGE_LOG_LEVEL", "WANGGE_TIMEZONE"}}
        own = {
            MARK: str(self.instance.directory),
            "WANGGE_MODE": "development",
            "WANGGE_INSTANCE": self.instance.name,
            "PYTHONUNBUFFERED": "1",
        }
        if (user := part.service or part.name) in self.parts.user_names:
            own["AMQP_URL"] = self.amqp_url(user)
        if part.service is not None:
            # Migrations and administration are tasks: what runs all day owns nothing.
            url_of = self.database_url if part.kind == "task" else self.service_database_url
            own["DATABASE_URL"] = url_of(part.service)
        own |= {key: str(self.port[name]) for key, name in part.ports.items()}
        own |= {key: self.secrets[name] for key, name in part.secrets.items()}
        own |= {key: str(self.instance.directory / name) for key, name in part.folders.items()}
        return {**inherited, **chosen, **own, **part.env}


def read_plan(instance: Instance) -> Plan | None:
    """The plan made by the last `up`, or None when there was none."""
    path = instance.directory / "plan.json"
    if not path.exists():
        return None
    remembered = json.loads(path.read_text())
    parts = read_parts(Path(remembered["parts"]))
    return Plan(instance, parts, keys.load_or_make(instance, parts.user_names), remembered)


def make_plan(instance: Instance, parts_file: Path | None, environ: Mapping[str, str]) -> Plan:
    """Decide (or remember) where everything is. Called while no part runs; adopted servers keep their ports."""
    file = (parts_file or PARTS).resolve()
    parts = read_parts(file)
    before = read_plan(instance)
    given = {f"given.{key}": environ.get(key, "") for key in ("AMQP_URL", "DATABASE_URL")}
    _refuse_to_abandon(before, given)
    secrets = keys.load_or_make(instance, parts.user_names, given)
    remembered = {
        "parts": str(file),
        "postgres_data": str(_postgres_data(instance, secrets, before)),
        "ports": _choose_ports(instance, parts, before),
    }
    (instance.directory / "plan.json").write_text(json.dumps(remembered, indent=1) + "\n")
    return Plan(instance, parts, secrets, remembered)


def _refuse_to_abandon(before: Plan | None, given: Mapping[str, str]) -> None:
    """A private server that runs, but that the new plan would not know, would never be stopped."""
    held = _held_by_our_servers(before)
    for key, name in (("AMQP_URL", "amqp"), ("DATABASE_URL", "postgres")):
        if given[f"given.{key}"] and name in held:
            raise StackError(f"{key} is given, but this instance's own server runs: `wangge down` first")


def _postgres_data(instance: Instance, secrets: Mapping[str, str], before: Plan | None) -> Path:
    if before is not None:
        return Path(str(before.remembered["postgres_data"]))
    if account_can_enter(instance.directory):
        return instance.directory / "postgres"
    # The id belongs to these secrets: a cluster made with other passwords is never mistaken for ours.
    return ELSEWHERE / f"{instance.digest}-{secrets['id']}"


def _choose_ports(instance: Instance, parts: PartList, before: Plan | None) -> dict[str, int]:
    """Remembered ports stay as long as they are free or our own running server holds them."""
    kept: dict[str, int] = {} if before is None else dict(before.port)
    ours = _held_by_our_servers(before)
    kept = {name: port for name, port in kept.items() if name in ours or ports.is_free(port)}
    wanted = [name for name in (*parts.port_names, *SERVER_PORTS) if name not in kept]
    if "http" in wanted and instance.name == "default" and ports.is_free(USUAL_HTTP_PORT):
        kept["http"] = USUAL_HTTP_PORT
        wanted.remove("http")
    return kept | ports.choose(wanted, seed=instance.digest, taken=kept.values())


def _held_by_our_servers(before: Plan | None) -> set[str]:
    held: set[str] = set()
    if before is None:
        return held
    if before.broker is not None and before.broker.running():
        held |= {"amqp", "amqp-distribution"}
    if before.broker is not None and before.broker.epmd_running():
        held.add("epmd")
    if before.postgres is not None and before.postgres.running():
        held.add("postgres")
    return held
