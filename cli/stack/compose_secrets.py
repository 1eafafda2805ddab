"""`python -m cli.stack.compose_secrets NAME`: the secrets that docker-compose.yml mounts, in .run/NAME, made once.

An env file for each part, the broker's definitions (users with hashed passwords, permissions by vhost and topic from
deploy/broker/permissions.json), and a file with the password of each database role.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.stack.broker import ADMIN, VHOST, password_hash, write_private
from cli.stack.database_roles import service_role
from cli.stack.instance import CHECKOUT, Instance
from cli.stack.keys import load_or_make
from cli.stack.parts import PartList, read_parts

PERMISSIONS = Path("deploy") / "broker" / "permissions.json"
BROKER_HOST = "broker:5672"
DATABASE_HOST = "database:5432"


def definitions(permissions: Mapping[str, Any], passwords: Mapping[str, str]) -> dict[str, Any]:
    """What RabbitMQ imports at its start: an administrator, and a user for each part with what it needs and no more."""
    users = permissions["users"]
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    return {
        "vhosts": [{"name": VHOST}],
        "users": [
            {
                "name": user,
                "password_hash": password_hash(passwords[user]),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "administrator" if user == ADMIN else "",
            }
            for user in (ADMIN, *users)
        ],
        "permissions": [
            {"user": user, "vhost": VHOST, **{key: may[key] for key in everything}}
            for user, may in {ADMIN: everything, **users}.items()
        ],
        "topic_permissions": [
            {"user": user, "vhost": VHOST, "exchange": exchange, **rights}
            for user, may in users.items()
            for exchange, rights in may["topics"].items()
        ],
    }


def env_files(parts: PartList, secrets: Mapping[str, str]) -> dict[str, str]:
    """File name to text, one for each service and each part that stands alone, and for each service's migrations.

    A service works as a role that owns no table; its migrations are the owner's (docs/decisions/0058).
    """
    files: dict[str, str] = {}
    for user in parts.user_names:
        values = {"AMQP_URL": f"amqp://{user}:{secrets[f'amqp.{user}']}@{BROKER_HOST}/{VHOST}"}
        if user in {service.name for service in parts.services}:
            values["DATABASE_URL"] = _database_url(secrets, user, service_role(user))
            owners = {"DATABASE_URL": _database_url(secrets, user, user)}
            files[f"{user}-migrate.env"] = _lines({**owners, **_secrets_of(parts, secrets, user, kind="task")})
        files[f"{user}.env"] = _lines({**values, **_secrets_of(parts, secrets, user, kind="service")})
    return files


def _database_url(secrets: Mapping[str, str], database: str, role: str) -> str:
    return f"postgresql://{role}:{secrets[f'postgres.{role}']}@{DATABASE_HOST}/{database}"


def _secrets_of(parts: PartList, secrets: Mapping[str, str], user: str, kind: str) -> dict[str, str]:
    of_user = (part for part in parts.parts if (part.service or part.name) == user and part.kind == kind)
    return {key: secrets[name] for part in of_user for key, name in part.secrets.items()}


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in sorted(values.items()))


def write(instance: Instance, parts: PartList, permissions: Mapping[str, Any]) -> None:
    """Write every file anew into the instance's folder from the secrets kept there; those that are missing are made.

    Who gets into the folder may read the files, for containers have accounts of their own; only its owner gets in.
    """
    folder = instance.directory
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    secrets = load_or_make(instance, parts.user_names)
    users = {ADMIN: secrets["amqp.admin"], **{user: secrets[f"amqp.{user}"] for user in parts.user_names}}
    files = env_files(parts, secrets)
    files["drill.env"] = f"WANGGE_URL=http://gateway:8115\nWANGGE_TOKEN={secrets['token']}\n"
    files["admin.env"] = (
        f"AMQP_URL=amqp://{ADMIN}:{secrets['amqp.admin']}@127.0.0.1:5672/{VHOST}\n"
        f"DATABASE_URL=postgresql://postgres:{secrets['postgres.admin']}@127.0.0.1:5432/postgres\n"
    )
    files["definitions.json"] = json.dumps(definitions(permissions, users), indent=1) + "\n"
    owners = [service.name for service in parts.services]
    for role in ("admin", *owners, *map(service_role, owners)):
        files[f"postgres-{role}"] = secrets[f"postgres.{role}"]
    for name, text in files.items():
        write_private(folder / name, text)
        (folder / name).chmod(0o644)


def main() -> int:
    """0 when written, 2 on wrong use."""
    if len(sys.argv) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    permissions = json.loads((CHECKOUT / PERMISSIONS).read_text(encoding="utf-8"))
    write(Instance.named(sys.argv[1]), read_parts(), permissions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
