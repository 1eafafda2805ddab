"""Two releases on the same servers, as the load, the onlookers and the checker of the fault runs see a stack."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg2

from cli.stack import ports
from cli.stack.broker import BrokerNode
from cli.stack.plan import Plan
from tests.chaos.stack import ChaosStack
from tests.upgrade.balancer import Balancer
from tests.upgrade.releases import Release
from tests.upgrade.side import Side

NEXT = Path(__file__).with_name("next_release.sql")
READS = ("/v1/locate?lat=37.77&lon=-122.42", "/v1/teams", "/v1/board", "/v1/incidents?limit=5")
WRONG = {"authorization": "Bearer not-a-token-of-this-county"}


class TwoReleases(ChaosStack):
    """`old` is up from `start` on; what comes and goes then is for the steps of the upgrade. `close` destroys all."""

    def __init__(self, instance: str, old: Release, new: Release, broker: BrokerNode, database_url: str) -> None:
        super().__init__(instance)
        servers = {"AMQP_URL": broker.url(), "DATABASE_URL": database_url}
        self.old, self.new = Side(old, instance, servers), Side(new, instance, servers)
        self.types = self.old
        self._broker = broker
        self.denied = 0
        self.balancer = Balancer(ports.choose(["balancer"], seed=instance)["balancer"])

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.old, self.new

    def start(self, say: Any = print) -> None:
        self.old.up()
        self.new.take_over(self.old)
        self.balancer.start()
        self.open_to(self.old)
        self._client = self.new_client(60)

    def open_to(self, *sides: Side, cut: bool = False) -> None:
        """Callers come to the gateways of these."""
        self.balancer.serve([side.plan.port["http"] for side in sides], cut=cut)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self.balancer.stop()
        for side in self.sides:
            if side.at.directory.exists():
                side.run("down", "--destroy", "--instance", side.name, check=False)

    def wangge(self, *arguments: str, instance: bool = True, check: bool = True, within: float = 180) -> str:
        """As whoever operates the release in `types` types it."""
        named = ("--instance", self.instance) if instance else ()
        return self.types.run(*arguments, *named, check=check, within=within)

    @property
    def plan(self) -> Plan:
        """Servers, databases and passwords are the same in both."""
        return self.new.plan

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.balancer.port}"

    def new_client(self, seconds: float) -> Any:
        client = super().new_client(seconds)
        client.base_url = self.address
        return client

    @property
    def broker_url(self) -> str:
        return self._broker.url()

    def unready(self) -> list[str]:
        return [part for side in self.sides for part in side.unready()]

    def grow(self) -> None:
        """Beyond the schema of this checkout, as far as the next one may go."""
        with closing(psycopg2.connect(self.plan.database_url("dispatch"))) as owner, owner.cursor() as cursor:
            owner.autocommit = True
            for statement in filter(str.strip, NEXT.read_text(encoding="utf-8").split(";")):
                cursor.execute(statement)

    def look_around(self, times: int = 5) -> list[str]:
        """Reads that both services answer, each over a connection of its own, so to each gateway in turn."""
        found = []
        for path in READS * times:
            with self.new_client(60) as client:
                if (answer := client.get(path)).status_code != httpx.codes.OK:
                    found.append(f"{path}: {answer.status_code} {answer.text[:300]}")
        return found

    def ask_for_what_is_new(self, times: int = 10) -> list[str]:
        """Denied requests at the new gateway, and their record: a method that only the new dispatch knows.

        What was not answered as if every replica were new.
        """
        found = []
        with httpx.Client(base_url=self.new.plan.address, timeout=60) as client:
            for _ in range(times):
                if (status := client.get("/v1/board", headers=WRONG).status_code) != httpx.codes.UNAUTHORIZED:
                    found.append(f"a wrong token was answered {status}")
                mine = {"authorization": f"Bearer {self.token()}"}
                asked = client.get("/v1/audit/denials", headers=mine)
                if asked.status_code != httpx.codes.OK:
                    found.append(f"the record of denials: {asked.status_code} {asked.text[:300]}")
        self.denied += times
        return found

    def denials(self) -> int:
        """How many denied requests are on the record."""
        return int(self.query("dispatch", "SELECT coalesce(sum(times), 0) FROM denial")[0][0])
