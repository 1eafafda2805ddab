"""Which events a reader gets: those it asked for (type globs, one jurisdiction prefix) of those that it may see."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate

from chassis.actor import EVERYWHERE, Actor
from chassis.errors import Forbidden, InvalidInput
from gateway.streams.ring import Event

MOST_GLOBS = 20
TYPE_PATTERN = r"[A-Za-z0-9_.*?-]{1,128}"
_GLOB = re.compile(TYPE_PATTERN)
_CODE = re.compile(r"[0-9]{1,24}")


class Filter:
    """True for the events wanted. Types are few, so the verdict on each is remembered.

    `scope` are the jurisdictions of the reader; None: the whole county.
    """

    def __init__(self, globs: Sequence[str], jurisdiction: str, scope: tuple[str, ...] | None = None) -> None:
        self._patterns = [re.compile(translate(glob)) for glob in globs]
        self._verdicts: dict[str, bool] = {}
        self._jurisdiction = jurisdiction
        self._scope = scope
        self.key = (tuple(globs), jurisdiction, scope)
        """The same for two filters that want the same."""

    def wants(self, event: Event) -> bool:
        """True when the event's type matches a glob and its jurisdiction lies within the prefix and the scope."""
        if self._scope is not None and not event.jurisdiction.startswith(self._scope):
            return False
        if self._jurisdiction and not event.jurisdiction.startswith(self._jurisdiction):
            return False
        return not self._patterns or self._type_wanted(event.type)

    def _type_wanted(self, kind: str) -> bool:
        verdict = self._verdicts.get(kind)
        if verdict is None:
            verdict = any(pattern.match(kind) for pattern in self._patterns)
            if len(self._verdicts) < 1000:
                self._verdicts[kind] = verdict
        return verdict


def parse_filter(globs: Sequence[str], jurisdiction: str, scope: tuple[str, ...] | None = None) -> Filter:
    """The filter of a request. Raises InvalidInput naming `type` or `jurisdiction`, Forbidden outside the scope."""
    if len(globs) > MOST_GLOBS:
        raise InvalidInput(f"at most {MOST_GLOBS} types", field="type")
    for glob in globs:
        if not _GLOB.fullmatch(glob):
            raise InvalidInput("a type is letters, digits, dots and the wildcards * and ?", field="type")
    if jurisdiction and not _CODE.fullmatch(jurisdiction):
        raise InvalidInput("a jurisdiction is the beginning of a grid code: digits", field="jurisdiction")
    if scope is not None and jurisdiction and not _meets(jurisdiction, scope):
        raise Forbidden("it lies outside your jurisdiction", code="outside_jurisdiction", field="jurisdiction")
    return Filter(globs, jurisdiction, scope)


def scope_of(actor: Actor) -> tuple[str, ...] | None:
    """The grid-code prefixes whose events the actor may see; None: the whole county, () nothing."""
    return None if EVERYWHERE in actor.jurisdictions else tuple(sorted(actor.jurisdictions))


def _meets(jurisdiction: str, scope: tuple[str, ...]) -> bool:
    return any(part.startswith(jurisdiction) or jurisdiction.startswith(part) for part in scope)
