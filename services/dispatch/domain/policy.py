"""SLA policies: versioned data that says how fast each stage must be, and how strict we are about stamps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from services.dispatch.domain.clocks import SPANS
from services.dispatch.domain.stamps import StampRules

DEFAULT_POLICY = "115"


@dataclass(frozen=True, slots=True)
class Matter:
    """What a policy is chosen by."""

    source: str
    kind: str
    category: str
    priority: int
    jurisdiction: str


@dataclass(frozen=True, slots=True)
class PolicyMatch:
    """One way for an incident to fall under a policy; an empty tuple means any. `prefixes` are grid code prefixes."""

    sources: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    priorities: tuple[int, ...] = ()
    prefixes: tuple[str, ...] = ()

    def weight(self, matter: Matter) -> tuple[int, ...] | None:
        """How closely this names the matter (prefix before category, source, kind, priority); None when it does not."""
        prefix = max((len(p) for p in self.prefixes if matter.jurisdiction.startswith(p)), default=-1)
        if self.prefixes and prefix < 0:
            return None
        named = (
            (self.categories, matter.category), (self.sources, matter.source),
            (self.kinds, matter.kind), (self.priorities, matter.priority),
        )  # fmt: skip
        if any(wanted and value not in wanted for wanted, value in named):
            return None
        return (prefix, *(int(bool(wanted)) for wanted, _ in named))


@dataclass(frozen=True, slots=True)
class RecommendationRules:
    """How candidate teams are weighed; seconds, metres and metres per second."""

    detour: float = 1.3
    speeds: dict[str, float] = field(default_factory=dict)
    default_speed: float = 6.0
    stale_after_seconds: float = 1800.0
    stale_penalty_seconds: float = 120.0
    other_centre_penalty_seconds: float = 60.0
    busy_penalty_seconds: float = 180.0
    radius_metres: float = 30_000.0

    def __post_init__(self) -> None:
        if min(self.detour, self.default_speed, *self.speeds.values(), 1.0) <= 0:
            raise ValueError("a speed and the detour are more than 0")
        if min(self.stale_penalty_seconds, self.other_centre_penalty_seconds, self.busy_penalty_seconds) < 0:
            raise ValueError("a penalty is not less than 0 seconds")


@dataclass(frozen=True, slots=True)
class SlaPolicy:
    """One version of one policy.

    `targets` are seconds by clock stage (domain.clocks.SPANS); `report_only` run no clock.
    """

    id: str
    version: int
    valid_from: datetime
    match: tuple[PolicyMatch, ...] = (PolicyMatch(),)
    targets: dict[str, float] = field(default_factory=dict)
    report_only: dict[str, float] = field(default_factory=dict)
    warn_share: float = 0.8
    answer_seconds: float | None = None
    stamp_rules: StampRules = field(default_factory=StampRules)
    recommendation: RecommendationRules = field(default_factory=RecommendationRules)

    @classmethod
    def from_rules(cls, id: str, version: int, valid_from: datetime, rules: dict[str, Any]) -> SlaPolicy:
        """Build a policy from the JSON of the `sla_policy` table.

        Raises TypeError on rules it does not know, ValueError on a target that no clock could keep and on a team that
        would be there before it has left.
        """
        known = dict(rules)
        unknown = set(known.get("targets", {})) - set(SPANS)
        if unknown:
            raise ValueError(f"no clock runs for {', '.join(sorted(unknown))}")
        if any(seconds <= 0 for seconds in known.get("targets", {}).values()):
            raise ValueError("a target is more than 0 seconds")
        if not 0 < known.get("warn_share", 0.8) < 1:
            raise ValueError("warn_share lies between 0 and 1")
        known["match"] = tuple(
            PolicyMatch(**{key: tuple(values) for key, values in match.items()}) for match in known.get("match", [{}])
        )
        known["stamp_rules"] = StampRules(**known.get("stamp_rules", {}))
        known["recommendation"] = RecommendationRules(**known.get("recommendation", {}))
        return cls(id, version, valid_from, **known)

    def weight(self, matter: Matter) -> tuple[int, ...] | None:
        """The closest of the policy's matches, None when it is not for this matter."""
        return max((w for match in self.match if (w := match.weight(matter)) is not None), default=None)


class PolicyBook:
    """Every version of every policy; chooses the one an incident is opened under."""

    def __init__(self, policies: Iterable[SlaPolicy]) -> None:
        self.policies = sorted(policies, key=lambda policy: (policy.id, policy.version))
        self._by_version = {(policy.id, policy.version): policy for policy in self.policies}

    def get(self, id: str, version: int) -> SlaPolicy:
        """The policy an incident was opened under. Raises KeyError when there is none."""
        return self._by_version[(id, version)]

    def choose(self, matter: Matter, at: datetime) -> SlaPolicy:
        """The closest policy in force at `at`, in its newest version; `115` when none names the matter.

        Raises KeyError when there is no `115` either.
        """
        in_force = {policy.id: policy for policy in self.policies if policy.valid_from <= at}
        weighed = [(weight, policy) for policy in in_force.values() if (weight := policy.weight(matter)) is not None]
        if not weighed:
            return in_force[DEFAULT_POLICY]
        return max(weighed, key=lambda pair: pair[0])[1]


def built_in_rules() -> dict[str, dict[str, Any]]:
    """The seed of the `sla_policy` table: policy id → rules (version 1)."""
    text = resources.files("services.dispatch.domain").joinpath("built_in_policies.json").read_text(encoding="utf-8")
    rules: dict[str, dict[str, Any]] = json.loads(text)
    return rules


def built_in_policies() -> list[SlaPolicy]:
    """The built-in policies as objects, version 1, in force since ever."""
    since = datetime(1970, 1, 1, tzinfo=UTC)
    return [SlaPolicy.from_rules(id, 1, since, rules) for id, rules in built_in_rules().items()]
