"""Which environment keys a process reads and which it cannot do without, taken from its Settings."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from chassis.assertions import encode_key, public_key_of
from chassis.settings import SettingsError, load
from gateway.admin import AdminSettings as GatewayAdmin
from gateway.settings import GatewaySettings
from services.dispatch.settings import AdminSettings as DispatchAdmin
from services.dispatch.settings import Settings as DispatchSettings
from services.registry.settings import AdminSettings as RegistryAdmin
from services.registry.settings import Settings as RegistrySettings

SETTINGS: dict[str, type] = {
    "registry": RegistrySettings,
    "registry-sidecar": RegistrySettings,
    "registry-migrate": RegistryAdmin,
    "dispatch": DispatchSettings,
    "dispatch-sidecar": DispatchSettings,
    "dispatch-migrate": DispatchAdmin,
    "gateway": GatewaySettings,
    "gateway-migrate": GatewayAdmin,
}
# In the image, so that no manifest repeats it.
IN_IMAGE = {"WANGGE_HEALTH_HOST", "WANGGE_HEALTH_PORT", "WANGGE_HTTP_HOST", "WANGGE_HTTP_PORT", "WANGGE_MODE"}
# Read by libraries and by what is not a service's Settings.
OF_OTHERS = {"OTEL_EXPORTER_OTLP_ENDPOINT", "SSL_CERT_FILE"}
# The local stack hands the master key to every service: residents' data will be sealed with it in the registry too.
HANDED_OUT = {"registry": {"WANGGE_MASTER_KEY"}}


def _keys(settings: type, *, only_required: bool) -> set[str]:
    read: list[Any] = [item.metadata for item in fields(settings) if "wangge.env" in item.metadata]
    return {each["wangge.env"] for each in read if each["wangge.required"] or not only_required}


def known(part: str) -> set[str]:
    """Every key that the part's process reads; an admin command is given what its service is given."""
    service = part.removesuffix("-migrate").removesuffix("-sidecar")
    return _keys(SETTINGS[service], only_required=False) | IN_IMAGE | OF_OTHERS | HANDED_OUT.get(service, set())


def required(part: str) -> set[str]:
    """Keys without which the part exits 78."""
    return _keys(SETTINGS[part], only_required=True) - IN_IMAGE


def complaints(part: str, given: set[str]) -> list[str]:
    """What is wrong with the keys that a manifest gives a part."""
    missing = [f"{part} is not given {key}" for key in sorted(required(part) - given)]
    return missing + [f"{part} is given {key}, which it does not read" for key in sorted(given - known(part))]


def _made_up() -> dict[str, str]:
    """A value that is good enough for production for every secret that a store would hold."""
    actor = encode_key(secrets.token_bytes(32))
    sealing = {
        key: base64.b64encode(secrets.token_bytes(32)).decode()
        for key in ("WANGGE_MASTER_KEY", "WANGGE_IDENTITY_KEY", "WANGGE_GATEWAY_KEY")
    }
    return {
        "AMQP_URL": "amqps://user:word@broker:5671/wangge", "DATABASE_URL": "postgresql://role:word@database/name",
        "WANGGE_ACTOR_KEY": actor, "WANGGE_ACTOR_KEYS": public_key_of(actor), **sealing,
    }  # fmt: skip


def refused_at_start(part: str, given: Mapping[str, str | None]) -> list[str]:
    """Keys for which the part would exit 78; None stands for a value that only the store of secrets knows."""
    known_only_there = _made_up()
    environ = {key: known_only_there[key] if value is None else value for key, value in given.items()}
    in_image = {"WANGGE_MODE": "production", "WANGGE_HEALTH_PORT": "9115", "WANGGE_HTTP_PORT": "8115"}
    try:
        load(SETTINGS[part], {**in_image, **environ})
    except SettingsError as error:
        return sorted(error.problems)
    return []
