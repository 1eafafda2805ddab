"""Put a new version of an SLA policy in force; incidents keep the version that they were opened under."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from services.dispatch.domain.errors import Invalid
from services.dispatch.domain.policy import SlaPolicy

KNOWN_EVERYWHERE = timedelta(seconds=3)
"""Processes keep policies in memory for a second: a version is in force only once each of them has it."""


class PolicyStore(Protocol):
    """The versions of one policy, locked for this transaction."""

    @property
    def now(self) -> datetime: ...

    def newest(self, policy_id: str) -> tuple[int, Mapping[str, Any]] | None:
        """Version and rules of the newest version, None when there is none."""

    def add(self, policy: SlaPolicy, rules: Mapping[str, Any]) -> None:
        """Add one version."""


def put_policy(store: PolicyStore, policy_id: str, rules: Mapping[str, Any]) -> tuple[int, bool]:
    """The version that now holds `rules`, and whether it is new; the same rules again add nothing.

    Raises Invalid `invalid_policy` naming what is wrong with the rules.
    """
    newest = store.newest(policy_id)
    if newest is not None and newest[1] == rules:
        return newest[0], False
    version = newest[0] + 1 if newest else 1
    try:
        policy = SlaPolicy.from_rules(policy_id, version, store.now + KNOWN_EVERYWHERE, dict(rules))
    except (TypeError, ValueError, AttributeError) as error:
        raise Invalid("invalid_policy", f"policy {policy_id}: {error}", field="rules", rule="policy.rules") from error
    store.add(policy, rules)
    return version, True
