"""In place of the operators of RabbitMQ and PostgreSQL: one pod each, set up as their resources say.

The operators' own settings (where certificates lie, which ports) are those that their documentation names; everything
else is read from RabbitmqCluster and Cluster, so that a setting which the server refuses is found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cli.stack.broker import ADMIN
from cli.stack.compose_secrets import PERMISSIONS, definitions
from cli.stack.database_roles import service_role
from cli.stack.parts import PartList
from tests.deploy.cluster.resources import config_map, secret, service, stateful_set
from tests.deploy.manifests import ROOT, Manifest, of_kind

BROKER_IMAGE, DATABASE_IMAGE = "rabbitmq:3.13-management", "postgis/postgis:15-3.3"
BROKER_LABELS = {"app.kubernetes.io/name": "broker"}
DATABASE_LABELS = {"cnpg.io/cluster": "database"}
TLS, TMP = "/etc/tls", "/tmp"  # noqa: S108 a volume of the pod's own
PLUGINS = ["rabbitmq_management"]
HARDENED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
# initdb asks who it is; the account number is that of the published image, which the image here may not have.
ACCOUNTS = "root:x:0:0::/:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n"
ENCRYPTED = f"""\
listeners.tcp = none
listeners.ssl.default = 5671
ssl_options.cacertfile = {TLS}/ca.crt
ssl_options.certfile = {TLS}/tls.crt
ssl_options.keyfile = {TLS}/tls.key
load_definitions = /etc/rabbitmq/definitions.json
log.console = true
"""


def broker(manifests: list[Manifest], parts: PartList, secrets: Mapping[str, str]) -> list[Manifest]:
    """One node with the plugins and settings of the county's RabbitmqCluster, and the users that it is to have."""
    [cluster] = of_kind(manifests, "RabbitmqCluster").values()
    wanted = cluster["spec"]["rabbitmq"]
    plugins = ",".join([*PLUGINS, *wanted["additionalPlugins"]])
    files = {"rabbitmq.conf": ENCRYPTED + wanted["additionalConfig"], "enabled_plugins": f"[{plugins}].\n"}
    permissions = json.loads((ROOT / PERMISSIONS).read_text(encoding="utf-8"))
    passwords = {ADMIN: secrets["amqp.admin"], **{user: secrets[f"amqp.{user}"] for user in parts.user_names}}
    known = {"definitions.json": json.dumps(definitions(permissions, passwords))}
    environ = {"RABBITMQ_LOG_BASE": TMP, "RABBITMQ_LOGS": "-", "HOME": "/var/lib/rabbitmq"}
    main = _container(BROKER_IMAGE, environ, 5671, cluster)
    pod = _pod(main, tls=cluster["spec"]["tls"]["secretName"], empty={"data": "/var/lib/rabbitmq", "tmp": TMP})
    sources = [{"configMap": {"name": "broker-settings"}}, {"secret": {"name": "broker-definitions"}}]
    _mount(pod, "settings", {"projected": {"sources": sources}}, "/etc/rabbitmq")
    return [
        config_map("broker-settings", files), secret("broker-definitions", known),
        service("broker", BROKER_LABELS, 5671), stateful_set("broker", BROKER_LABELS, pod),
    ]  # fmt: skip


def database(manifests: list[Manifest], parts: PartList, secrets: Mapping[str, str]) -> list[Manifest]:
    """One instance with the parameters and access rules of the county's Cluster; roles, databases, extensions are made
    as those of a compose project are.
    """
    cluster = of_kind(manifests, "Cluster")["database"]
    owners = [each.name for each in parts.services]
    roles = ("admin", *owners, *map(service_role, owners))
    environ = {
        "PGDATA": "/var/lib/postgresql/data/pgdata", "POSTGRES_USER": "postgres",
        "POSTGRES_PASSWORD_FILE": "/run/secrets/postgres-admin",
        "SERVICES": " ".join(":".join((each.name, *each.extensions)) for each in parts.services),
    }  # fmt: skip
    main = _container(DATABASE_IMAGE, environ, 5432, cluster)
    # Nobody but the operator makes the folder; over TCP the rules let nobody in who is not of a part.
    started = f'mkdir -p "$PGDATA" && exec docker-entrypoint.sh postgres {_parameters(cluster)}'
    main["command"] = ["sh", "-c", started]
    empty = {"data": "/var/lib/postgresql/data", "socket": "/var/run/postgresql", "tmp": TMP}
    pod = _pod(main, tls=cluster["spec"]["certificates"]["serverTLSSecret"], empty=empty)
    _mount(pod, "passwords", {"secret": {"secretName": "database-passwords"}}, "/run/secrets")
    pod["volumes"].append({"name": "settings", "configMap": {"name": "database-settings"}})
    places = {"databases.sh": "/docker-entrypoint-initdb.d/10-databases.sh", "passwd": "/etc/passwd",
              "pg_hba.conf": "/etc/postgresql/pg_hba.conf"}  # fmt: skip
    main["volumeMounts"] += [{"name": "settings", "mountPath": at, "subPath": name} for name, at in places.items()]
    files = {
        "databases.sh": (ROOT / "deploy" / "postgres" / "databases.sh").read_text(encoding="utf-8"), "passwd": ACCOUNTS,
        "pg_hba.conf": "\n".join(["local all all trust", *cluster["spec"]["postgresql"]["pg_hba"], ""]),
    }  # fmt: skip
    return [
        config_map("database-settings", files),
        secret("database-passwords", {f"postgres-{role}": secrets[f"postgres.{role}"] for role in roles}),
        service("database-rw", DATABASE_LABELS, 5432), stateful_set("database", DATABASE_LABELS, pod),
    ]  # fmt: skip


def _parameters(cluster: Manifest) -> str:
    own = {"hba_file": "/etc/postgresql/pg_hba.conf", "ssl": "on", "ssl_cert_file": f"{TLS}/tls.crt",
           "ssl_key_file": f"{TLS}/tls.key"}  # fmt: skip
    return " ".join(
        f"-c {name}={value}" for name, value in {**cluster["spec"]["postgresql"]["parameters"], **own}.items()
    )


def _container(image: str, environ: Mapping[str, str], port: int, cluster: Manifest) -> dict[str, Any]:
    limits = cluster["spec"]["resources"]["limits"]
    return {
        "name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "securityContext": HARDENED,
        "env": [{"name": name, "value": value} for name, value in environ.items()],
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 2},
        "resources": {"requests": {"cpu": "200m", "memory": "512Mi"}, "limits": limits}, "volumeMounts": [],
    }  # fmt: skip


def _pod(main: dict[str, Any], *, tls: str, empty: Mapping[str, str]) -> dict[str, Any]:
    pod: dict[str, Any] = {"terminationGracePeriodSeconds": 60, "containers": [main], "volumes": []}
    _mount(pod, "tls", {"secret": {"secretName": tls, "defaultMode": 0o440}}, TLS)
    for name, path in empty.items():
        _mount(pod, name, {"emptyDir": {}}, path)
    return pod


def _mount(pod: dict[str, Any], name: str, source: Mapping[str, Any], path: str) -> None:
    pod["volumes"].append({"name": name, **source})
    pod["containers"][0]["volumeMounts"].append({"name": name, "mountPath": path})
