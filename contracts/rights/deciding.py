"""How far an actor may go: the roles' permissions, cut by what the credential is limited to."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

from contracts.rights.permissions import VOUCHED
from contracts.rights.roles import GRANTED_TO_DEVELOPERS, GRANTED_TO_PROCESSES, ROLES

_ONLY_WITH = {GRANTED_TO_DEVELOPERS: "development", GRANTED_TO_PROCESSES: "service"}


class Holder(Protocol):
    """Whom rights are held by: an actor of the chassis."""

    @property
    def roles(self) -> tuple[str, ...]: ...
    @property
    def credential(self) -> str: ...
    @property
    def scopes(self) -> tuple[str, ...] | None: ...


def reach_of(holder: Holder, permission: str) -> frozenset[str]:
    """The reaches (contracts.rights.roles.REACHES) that the holder has a permission with; none: it is not held."""
    return _reach(holder.roles, holder.credential, holder.scopes, permission)


def may(holder: Holder, permission: str) -> bool:
    """Whether the holder has a permission at all, for some row."""
    return bool(reach_of(holder, permission))


def purposes_of(holder: Holder, permission: str) -> frozenset[str]:
    """What the holder may use a permission for that needs a purpose."""
    roles = [ROLES[role] for role in _standing(holder.roles, holder.credential) if permission in ROLES[role].grants]
    return frozenset(purpose for role in roles for purpose in role.purposes)


@lru_cache(4096)
def _reach(roles: tuple[str, ...], credential: str, scopes: tuple[str, ...] | None, permission: str) -> frozenset[str]:
    if scopes is not None and permission not in scopes and permission != VOUCHED:
        return frozenset()
    granted = (ROLES[role].grants.get(permission) for role in _standing(roles, credential))
    return frozenset(reach for reach in granted if reach is not None)


def _standing(roles: tuple[str, ...], credential: str) -> list[str]:
    """The roles that count: those there are, and some only for who holds the credential that they belong to."""
    return [role for role in roles if role in ROLES and _ONLY_WITH.get(role, credential) == credential]
