"""The secrets of one instance: made once, kept in `.run/NAME/secrets`, readable by its owner only."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping, Sequence

from chassis.assertions import encode_key, public_key_of
from cli.stack.broker import write_private
from cli.stack.instance import Instance

ADMIN = "admin"


def load_or_make(instance: Instance, users: Sequence[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """All secrets by name.

    master_key, gateway_key, identity_key, token, id, actor_key with its actor_public, and passwords: postgres.USER,
    postgres.USER_service and amqp.USER.

    Missing ones are made and written. `given` (URLs with passwords in them) replaces what was given before.
    """
    path = instance.directory / "secrets"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    wanted = {
        "id": secrets.token_hex(4),
        "master_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "identity_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "actor_key": encode_key(secrets.token_bytes(32)),
        "gateway_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "token": "dev-" + secrets.token_urlsafe(18),
        **{f"{server}.{user}": secrets.token_hex(12) for server in ("postgres", "amqp") for user in (ADMIN, *users)},
        **{f"postgres.{user}_service": secrets.token_hex(12) for user in users},
    }
    complete = {**wanted, **known, **(given or {})}
    complete["actor_public"] = public_key_of(complete["actor_key"])
    if complete != known:
        write_private(path, json.dumps(complete, indent=1) + "\n")
    return complete
