"""In place of External Secrets: the secrets that pods refer to, with values of this run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cli.stack.broker import VHOST
from cli.stack.database_roles import service_role
from cli.stack.parts import PartList
from tests.deploy.cluster.resources import secret
from tests.deploy.manifests import WORKLOADS, Manifest, container, of_kind

BROKER, DATABASE = "broker.wangge.svc:5671", "database-rw.wangge.svc:5432"
VERIFIED = "sslmode=verify-full&sslrootcert=/etc/wangge/authority/ca.crt"
LATER = "drill"
"""Whose key the county's own accounts give out: it cannot be there before they are."""


class Store:
    """What a county's store would hold, from the secrets of an instance."""

    def __init__(self, parts: PartList, secrets: Mapping[str, str]) -> None:
        self._parts = {part.name: part for part in parts.parts}
        self._secrets = secrets

    def value(self, name: str, key: str) -> str:
        """The entry `key` of the secret `name`. Raises KeyError for one that no part has."""
        part = self._parts[name]
        user = part.service or part.name
        if key == "AMQP_URL":
            return f"amqps://{user}:{self._secrets[f'amqp.{user}']}@{BROKER}/{VHOST}"
        if key == "DATABASE_URL":
            role = user if part.kind == "task" else service_role(user)
            return f"postgresql://{role}:{self._secrets[f'postgres.{role}']}@{DATABASE}/{user}?{VERIFIED}"
        return self._secrets[part.secrets[key]]

    def secrets_of(self, manifests: list[Manifest]) -> Iterator[Manifest]:
        """A secret for each ExternalSecret that a pod takes its environment from."""
        asked = of_kind(manifests, "ExternalSecret")
        for name in sorted(referred_to(manifests) - {LATER}):
            entries = [entry["secretKey"] for entry in asked[name]["spec"]["data"]]
            yield secret(name, {key: self.value(name, key) for key in entries})


def referred_to(manifests: list[Manifest]) -> set[str]:
    """Names of the secrets from which pods take their environment."""
    workloads = of_kind(manifests, *WORKLOADS).values()
    sources = [source for each in workloads for source in container(each).get("envFrom", ())]
    return {source["secretRef"]["name"] for source in sources if "secretRef" in source}
