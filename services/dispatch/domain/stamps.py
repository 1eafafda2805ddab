"""Stamps: when a stage happened and when we learnt of it, kept side by side, corrected beside the original."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.dispatch.domain.errors import Invalid
from services.dispatch.domain.events import wire_time


@dataclass(frozen=True, slots=True)
class Report:
    """Who says that something happened, when it happened (the source's clock), and when we learnt it (ours).

    `taken_at` is when a store of ours took it, where one did: that we were away makes nobody's report an old one.
    """

    occurred_at: datetime
    recorded_at: datetime
    by: str
    source: str
    taken_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """A later word on when a stage happened; the newest one counts, the original stays."""

    occurred_at: datetime
    recorded_at: datetime
    by: str
    why: str


@dataclass(slots=True)
class Stamp:
    """One stage that happened. `flags`: future, before_previous, after_next, late, implied, after_expiry, corrected."""

    occurred_at: datetime
    recorded_at: datetime
    by: str
    source: str
    flags: tuple[str, ...] = ()
    corrections: list[Correction] = field(default_factory=list)

    @property
    def effective(self) -> datetime:
        """When the stage happened, by the newest correction or the original."""
        return self.corrections[-1].occurred_at if self.corrections else self.occurred_at


@dataclass(frozen=True, slots=True)
class PastStamp:
    """A stamp of a round of work that was reopened: `cycle` 1 is the first."""

    cycle: int
    stage: str
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class StampRules:
    """What a policy says about stamps in the future or out of order; times in seconds."""

    future_tolerance_seconds: float = 5.0
    future: str = "refuse"
    order: str = "refuse"
    backfill_after_seconds: float = 3600.0
    order_backfill: str = "flag"
    late_after_seconds: float = 60.0


def judge(
    report: Report, rules: StampRules, *, previous: datetime | None, following: datetime | None, backfill: bool
) -> tuple[str, ...]:
    """The flags of a stamp about to be set between its neighbours' effective times. Never moves a time.

    What happens as it is recorded is never refused for its order: then it is our own clock that was set back (or the
    earlier stage was told from a clock ahead of ours), and whoever reports can do nothing about it. It is flagged.
    Raises Invalid `stamp_in_future`, `stamp_before_previous` or `stamp_after_next` where the policy says `refuse`.
    """
    at, now = report.occurred_at, report.recorded_at
    flags: tuple[str, ...] = ()
    if at > now and (at - now).total_seconds() > rules.future_tolerance_seconds:
        flags += _flag("future", rules.future, "stamp_in_future", "is after it was recorded", recorded_at=now)
    order = "flag" if at == now else rules.order_backfill if backfill else rules.order
    if previous is not None and at < previous:
        flags += _flag(
            "before_previous", order, "stamp_before_previous", "is before the stage that precedes it", previous=previous
        )
    if following is not None and at > following:
        flags += _flag(
            "after_next", order, "stamp_after_next", "is after the stage that follows it", following=following
        )
    if not backfill and (now - at).total_seconds() > rules.late_after_seconds:
        flags += ("late",)
    return flags


def _flag(flag: str, rule: str, code: str, why: str, **neighbour: datetime) -> tuple[str, ...]:
    if rule == "refuse":
        extra = {name: wire_time(moment) for name, moment in neighbour.items()}
        raise Invalid(code, f"occurred_at {why}", field="occurred_at", rule=f"stamp_rules.{flag}", **extra)
    return (flag,)


def is_backfill(report: Report, rules: StampRules) -> bool:
    """Whether something is told so long after it happened that it must wake nobody."""
    told_at = report.taken_at or report.recorded_at
    return told_at - report.occurred_at > timedelta(seconds=rules.backfill_after_seconds)
