"""Which events a reader asked for: type globs and one jurisdiction prefix."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate

from chassis.errors import InvalidInput
from gateway.streams.ring import Event

MOST_GLOBS = 20
TYPE_PATTERN = r"[A-Za-z0-9_.*?-]{1,128}"
_GLOB = re.compile(TYPE_PATTERN)
_CODE = re.compile(r"[0-9]{1,24}")


class Filter:
    """True for the events wanted. Types are few, so the verdict on each is remembered."""

    def __init__(self, globs: Sequence[str], jurisdiction: str) -> None:
        self._patterns = [re.compile(translate(glob)) for glob in globs]
        self._verdicts: dict[str, bool] = {}
        self._jurisdiction = jurisdiction
        self.key = (tuple(globs), jurisdiction)
        """The same for two filters that want the same."""

    def wants(self, event: Event) -> bool:
        """True when the event's type matches a glob and its jurisdiction starts with the prefix."""
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


def parse_filter(globs: Sequence[str], jurisdiction: str) -> Filter:
    """The filter of a request. Raises InvalidInput naming `type` or `jurisdiction`."""
    if len(globs) > MOST_GLOBS:
        raise InvalidInput(f"at most {MOST_GLOBS} types", field="type")
    for glob in globs:
        if not _GLOB.fullmatch(glob):
            raise InvalidInput("a type is letters, digits, dots and the wildcards * and ?", field="type")
    if jurisdiction and not _CODE.fullmatch(jurisdiction):
        raise InvalidInput("a jurisdiction is the beginning of a grid code: digits", field="jurisdiction")
    return Filter(globs, jurisdiction)
