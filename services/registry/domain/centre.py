"""A centre (社会治理中心): the desk that takes an incident and sends a team."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from services.registry.domain.codes import Level, level_of
from services.registry.domain.errors import Refusal, broken
from services.registry.domain.grid import name_refusals
from services.registry.domain.versions import Versioned

CENTRE_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{1,31}")
CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class CentreKind(StrEnum):
    """Kinds of desk, by the ground they answer for."""

    COUNTY = "county"
    STREET_CENTRE = "street_centre"
    COMMUNITY_STATION = "community_station"
    ENTERPRISE_MICRO_CENTRE = "enterprise_micro_centre"


LEVELS_OF_KIND = {
    CentreKind.COUNTY: (Level.COUNTY,),
    CentreKind.STREET_CENTRE: (Level.TOWN,),
    CentreKind.COMMUNITY_STATION: (Level.COMMUNITY,),
    CentreKind.ENTERPRISE_MICRO_CENTRE: (Level.COMMUNITY, Level.GRID),
}


@dataclass(frozen=True, slots=True)
class CentreFacts:
    """``hours``: local (opens, closes) as HH:MM, past midnight allowed; None for a centre that never closes."""

    name_zh: str
    name_en: str
    kind: str
    grid_code: str
    lat: float
    lon: float
    always_open: bool
    hours: tuple[str, str] | None


class Centre(Versioned[CentreFacts]):
    """A centre under its code."""

    def refusals(self, facts: CentreFacts) -> Iterator[Refusal]:
        """Rules that need nothing but the centre."""
        if not CENTRE_CODE.fullmatch(self.key):
            yield broken("centre_code", "code", "a centre's code is 2 to 32 letters, digits or hyphens")
        yield from name_refusals(facts.name_zh, facts.name_en)
        yield from _kind_refusals(facts)
        if not -90 <= facts.lat <= 90:
            yield broken("position_range", "lat", "latitude is -90..90")
        if not -180 <= facts.lon <= 180:
            yield broken("position_range", "lon", "longitude is -180..180")
        yield from _hours_refusals(facts)


def _kind_refusals(facts: CentreFacts) -> Iterator[Refusal]:
    try:
        level = level_of(facts.grid_code)
    except Refusal:
        yield broken("code_shape", "grid_code", "a grid code is 6, 9, 12, 15 or 17 digits")
        return
    if facts.kind not in frozenset(CentreKind):
        yield broken("centre_kind", "kind", f"{facts.kind[:40]!r} is not a kind of centre")
    elif level not in LEVELS_OF_KIND[CentreKind(facts.kind)]:
        yield broken("centre_level", "grid_code", f"a {facts.kind} does not answer for a {level}", level=level.value)


def _hours_refusals(facts: CentreFacts) -> Iterator[Refusal]:
    # An incident climbs past every closed desk; the last one has nobody above to send it to.
    if facts.kind == CentreKind.COUNTY and not facts.always_open:
        yield broken("county_centre_open", "always_open", "the county's centre never closes")
    if facts.always_open:
        if facts.hours is not None:
            yield broken("centre_hours", "opens", "a centre that never closes has no hours")
        return
    if facts.hours is None:
        yield broken("centre_hours", "opens", "a centre that closes has its hours")
    elif not all(CLOCK.fullmatch(text) for text in facts.hours) or facts.hours[0] == facts.hours[1]:
        yield broken("centre_hours", "opens", "hours are two different times of day, HH:MM")
