"""SLA policies: versioned data that says how fast each stage must be, and how strict we are about stamps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from services.dispatch.domain.stamps import StampRules


@dataclass(frozen=True, slots=True)
class PolicyMatch:
    """Which incidents a policy is for; an empty tuple means any. `prefixes` are grid code prefixes."""

    kinds: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    priorities: tuple[int, ...] = ()
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecommendationRules:
    """How candidate teams are weighed; seconds, metres and metres per second."""

    detour: float = 1.3
    speeds: dict[str, float] = field(default_factory=dict)
    default_speed: float = 8.0
    stale_after_seconds: float = 1800.0
    stale_penalty_seconds: float = 120.0
    other_centre_penalty_seconds: float = 60.0
    busy_penalty_seconds: float = 180.0
    radius_metres: float = 30_000.0


@dataclass(frozen=True, slots=True)
class SlaPolicy:
    """One version of one policy. `targets` are seconds by clock stage (domain.clocks.SPANS); `report_only` run no clock."""

    id: str
    version: int
    valid_from: datetime
    match: PolicyMatch = PolicyMatch()
    targets: dict[str, float] = field(default_factory=dict)
    report_only: dict[str, float] = field(default_factory=dict)
    warn_share: float = 0.8
    answer_seconds: float | None = None
    stamp_rules: StampRules = StampRules()
    recommendation: RecommendationRules = RecommendationRules()
    required_skills: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def from_rules(cls, id: str, version: int, valid_from: datetime, rules: dict[str, Any]) -> SlaPolicy:
        """Build a policy from the JSON of the `sla_policy` table. Raises TypeError or ValueError on rules it does not know."""
        raise NotImplementedError


DEFAULT_POLICY = "115"


class PolicyBook:
    """Every version of every policy; chooses the one an incident is opened under."""

    def __init__(self, policies: Iterable[SlaPolicy]) -> None:
        self.policies = list(policies)

    def get(self, id: str, version: int) -> SlaPolicy:
        """The policy an incident was opened under. Raises KeyError when there is none."""
        raise NotImplementedError

    def choose(self, *, kind: str, category: str, priority: int, jurisdiction: str, at: datetime) -> SlaPolicy:
        """The most specific policy in force at `at`: prefix before category before kind before priority."""
        raise NotImplementedError


def built_in_rules() -> dict[str, dict[str, Any]]:
    """The seed of the `sla_policy` table: policy id → rules (version 1)."""
    text = resources.files("services.dispatch.domain").joinpath("built_in_policies.json").read_text(encoding="utf-8")
    rules: dict[str, dict[str, Any]] = json.loads(text)
    return rules


def built_in_policies() -> list[SlaPolicy]:
    """The built-in policies as objects, version 1, in force since ever."""
    since = datetime(1970, 1, 1, tzinfo=UTC)
    return [SlaPolicy.from_rules(id, 1, since, rules) for id, rules in built_in_rules().items()]
