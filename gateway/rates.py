"""How often somebody may call: a bucket for each kind of call, so that one kind cannot use up another's.

Counted in sliding windows (`limits`), for each person and for each client it calls through; in this process, and with
a database together with the other gateways (shared_counts.py). Taking incidents in has a bucket of its own, so wide
that only a broken program empties it. No call waits for a database: a call for help does not wait for a counter.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.requests import HTTPConnection

from chassis.actor import Actor
from gateway.routes.edge import RATE_HEADERS
from gateway.routes.problems import TooManyRequests
from gateway.shared_counts import SharedCounts

PERSON, CLIENT, ADDRESS = "person", "client", "address"
OFF = "off"
USUAL: Mapping[tuple[str, str], str] = {
    ("intake", CLIENT): "6000/minute",
    ("feed", CLIENT): "120/minute",
    ("stream", PERSON): "60/minute",
    ("stream", CLIENT): "6000/minute",
    ("read", PERSON): "1200/minute",
    ("read", CLIENT): "12000/minute",
    ("command", PERSON): "600/minute",
    ("command", CLIENT): "12000/minute",
    ("open", ADDRESS): "3000/minute",
    ("denied", ADDRESS): "60/minute",
}
_RULE = re.compile(r"([a-z]+)\.([a-z]+)=(\S+)")


@dataclass(frozen=True, slots=True)
class Rule:
    """One bucket for one kind of caller."""

    bucket: str
    per: str
    limit: RateLimitItem


def rules_of(text: str) -> tuple[Rule, ...]:
    """The rules of WANGGE_RATE_LIMITS: `off`, or changes to the usual ones such as `read.person=300/minute`.

    Raises ValueError for a bucket that there is not, or a limit that cannot be read.
    """
    if text == OFF:
        return ()
    chosen = dict(USUAL)
    for word in text.split():
        match = _RULE.fullmatch(word)
        if match is None or (match[1], match[2]) not in USUAL:
            raise ValueError(
                f"{word}: must be BUCKET.PER=LIMIT, with one of {', '.join('.'.join(key) for key in USUAL)}"
            )
        chosen[match[1], match[2]] = match[3]
    return tuple(Rule(bucket, per, parse(limit)) for (bucket, per), limit in chosen.items())


class Rates:
    """One per gateway process."""

    def __init__(self, rules: tuple[Rule, ...], shared: SharedCounts | None = None) -> None:
        """Counted with other gateways when `shared` is given."""
        self._rules: dict[str, list[Rule]] = {}
        for rule in rules:
            self._rules.setdefault(rule.bucket, []).append(rule)
        self._shared = shared
        self._limiter = SlidingWindowCounterRateLimiter(shared or MemoryStorage())

    def start(self) -> None:
        """Begin to count together with the other gateways, if anything is counted."""
        if self._shared is not None and self._rules:
            self._shared.start()

    async def stop(self) -> None:
        """Count alone from now on."""
        if self._shared is not None:
            await self._shared.stop()

    async def admit(self, bucket: str, actor: Actor, connection: HTTPConnection) -> None:
        """Count one call, and leave in its scope what its answer says of the limits. Raises TooManyRequests."""
        rules = self._rules.get(bucket)
        if rules:
            await self._count(rules, actor, connection)

    async def _count(self, rules: list[Rule], actor: Actor, connection: HTTPConnection) -> None:
        tightest: tuple[int, str] | None = None
        for rule in rules:
            who = _who(rule.per, actor, connection)
            admitted = await self._limiter.hit(rule.limit, rule.bucket, rule.per, who)
            stats = await self._limiter.get_window_stats(rule.limit, rule.bucket, rule.per, who)
            seconds = max(1, math.ceil(stats.reset_time - time.time()))
            told = f'"{rule.bucket}-{rule.per}";r={stats.remaining};t={seconds}'
            if not admitted:
                raise TooManyRequests(seconds, told, _policy(rules))
            if tightest is None or stats.remaining < tightest[0]:
                tightest = (stats.remaining, told)
        if tightest is not None:
            connection.scope[RATE_HEADERS] = rate_headers(tightest[1], _policy(rules))


def rate_headers(told: str, policy: str) -> list[tuple[bytes, bytes]]:
    """What an answer says of the limits (draft-ietf-httpapi-ratelimit-headers-10)."""
    return [(b"ratelimit", told.encode()), (b"ratelimit-policy", policy.encode())]


def _policy(rules: list[Rule]) -> str:
    return ", ".join(f'"{each.bucket}-{each.per}";q={each.limit.amount};w={each.limit.get_expiry()}' for each in rules)


def _who(per: str, actor: Actor, connection: HTTPConnection) -> str:
    if per == ADDRESS:
        return connection.client.host if connection.client is not None else ""
    return actor.subject if per == PERSON else actor.client
