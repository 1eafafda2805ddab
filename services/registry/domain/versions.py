"""A thing that keeps its past: what holds from when until when. Nothing is overwritten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from services.registry.domain.errors import Refusal

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Version(Generic[F]):
    """Facts that hold in [valid_from, valid_to); numbers run 1, 2, 3 … for one thing."""

    number: int
    facts: F
    valid_from: datetime
    valid_to: datetime | None = None
    retired: bool = False

    def holds_at(self, moment: datetime) -> bool:
        """Half open: at the instant of a change the new version holds, and only it."""
        return self.valid_from <= moment and (self.valid_to is None or moment < self.valid_to)


class Versioned(Generic[F]):
    """One thing under its key, with the versions known of it, oldest first.

    A repository may load only the newest: a change needs no more. ``written`` lists the versions that a
    change closed or made and that a repository has to store.
    """

    def __init__(self, key: str, versions: Sequence[Version[F]] = ()) -> None:
        self.key = key
        self.versions = list(versions)
        self.written: list[Version[F]] = []

    @property
    def current(self) -> Version[F] | None:
        """The newest version, retired or not; None before the first."""
        return self.versions[-1] if self.versions else None

    def at(self, moment: datetime) -> Version[F] | None:
        """The version that held then."""
        return next((version for version in self.versions if version.holds_at(moment)), None)

    def refusals(self, facts: F) -> Iterator[Refusal]:
        """Every rule these facts break on their own. The kinds of things say which."""
        yield from ()

    def revise(self, facts: F, at: datetime) -> Version[F] | None:
        """From ``at`` on these facts hold. The new version, or None when nothing changes.

        Raises the first broken rule, and change_before_current.
        """
        for refusal in self.refusals(facts):
            raise refusal
        current = self.current
        if current is not None and not current.retired and current.facts == facts:
            return None
        return self._append(facts, at, retired=False)

    def retire(self, at: datetime) -> Version[F] | None:
        """From ``at`` the thing is no more; its last facts stay readable. None when it is retired already."""
        current = self.current
        if current is None or current.retired:
            return None
        return self._append(current.facts, at, retired=True)

    def _append(self, facts: F, at: datetime, *, retired: bool) -> Version[F]:
        current = self.current
        if current is not None:
            if at <= current.valid_from:
                raise Refusal(
                    "change_before_current",
                    "conflict",
                    f"{self.key} already changed at {current.valid_from.isoformat()}",
                    field="valid_from",
                    rule="change_after_current",
                )
            self.versions[-1] = replace(current, valid_to=at)
            self.written.append(self.versions[-1])
        version = Version(1 if current is None else current.number + 1, facts, at, None, retired)
        self.versions.append(version)
        self.written.append(version)
        return version
