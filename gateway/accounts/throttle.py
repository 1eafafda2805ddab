"""How often a password may be tried, by account and place: guessing is slow, and locking people out is not cheap.

Every attempt is counted before it is looked at, so that many at once gain nothing. A place (an address's network)
from which the account was signed in before is judged by its own failures alone: whoever attacks an account from
elsewhere does not keep its owner out. Unknown logins are counted in the same way and answer alike.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from gateway.accounts.refusals import TooManyAttempts
from gateway.accounts.tables import attempt

FREE = 5
LONGEST_SECONDS = 900
STRANGE_FREE = 50
STRANGE_LONGEST_SECONDS = 60
FORGET = timedelta(hours=24)
KNOWN_PLACE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attempt comes from and whose account it is for, as digests."""

    login: bytes
    source: bytes


def wait_after(failures: int, free: int = FREE, longest: int = LONGEST_SECONDS) -> int:
    """Seconds until another attempt is looked at, after so many failures: 1, 2, 4 … from the `free`-th on."""
    return 0 if failures < free else min(2 ** min(failures - free, 20), longest)


def source_of(address: str) -> str:
    """The network an address belongs to: /24 of IPv4, /64 of IPv6, which one subscriber has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 64), strict=False))


def begin(connection: Connection, place: Place) -> None:
    """Count an attempt as failed until `succeed` says otherwise. Raises TooManyAttempts when it comes too soon."""
    own = connection.execute(_own(place)).one_or_none()
    if own is not None:
        _refuse_early(own.age, wait_after(own.failures))
    if own is None or not own.known:
        strange = connection.execute(_strangers(place)).one()
        _refuse_early(strange.age, wait_after(strange.failures // 10, STRANGE_FREE // 10, STRANGE_LONGEST_SECONDS))
    counted = insert(attempt).values(login_digest=place.login, source_digest=place.source, failures=1)
    fresh = attempt.c.last_at < func.clock_timestamp() - FORGET
    connection.execute(
        counted.on_conflict_do_update(
            index_elements=[attempt.c.login_digest, attempt.c.source_digest],
            set_={"failures": sa.case((fresh, 1), else_=attempt.c.failures + 1), "last_at": func.clock_timestamp()},
        )
    )


def succeed(connection: Connection, place: Place) -> None:
    """The attempt was right: its place is known from now on, and its failures are forgotten."""
    connection.execute(
        attempt.update()
        .where(attempt.c.login_digest == place.login, attempt.c.source_digest == place.source)
        .values(failures=0, succeeded_at=func.clock_timestamp())
    )


def forget_old(connection: Connection) -> int:
    """Delete what no longer counts; how many rows."""
    silent = attempt.c.last_at < func.clock_timestamp() - FORGET
    unknown = sa.or_(attempt.c.succeeded_at.is_(None), attempt.c.succeeded_at < func.clock_timestamp() - KNOWN_PLACE)
    return connection.execute(attempt.delete().where(silent, unknown)).rowcount


def _own(place: Place) -> sa.Select[tuple[float, int, bool]]:
    known = func.coalesce(attempt.c.succeeded_at > func.clock_timestamp() - KNOWN_PLACE, sa.false())
    # Locked, so that attempts of one place follow one another.
    return (
        sa.select(_age(attempt.c.last_at).label("age"), attempt.c.failures, known.label("known"))
        .where(attempt.c.login_digest == place.login, attempt.c.source_digest == place.source)
        .with_for_update()
    )


def _strangers(place: Place) -> sa.Select[tuple[float, int]]:
    return sa.select(
        func.coalesce(_age(func.max(attempt.c.last_at)), LONGEST_SECONDS).label("age"),
        func.coalesce(func.sum(attempt.c.failures), 0).label("failures"),
    ).where(
        attempt.c.login_digest == place.login,
        attempt.c.succeeded_at.is_(None),
        attempt.c.last_at > func.clock_timestamp() - timedelta(hours=1),
    )


def _age(moment: sa.ColumnElement[object]) -> sa.ColumnElement[float]:
    return sa.cast(sa.extract("epoch", func.clock_timestamp() - moment), sa.Float)


def _refuse_early(age: float, wait: float) -> None:
    if age < wait:
        raise TooManyAttempts("too many failed attempts", retry_after_seconds=int(wait - age) + 1)
