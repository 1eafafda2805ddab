"""The teams (勤务联动组) of a synthetic county: who can go, from where, with which skills, and when on shift."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from cli.county.people import Staff
from cli.county.place_names import numeral

COLUMNS = (
    "call_sign", "name_zh", "name_en", "kind", "centre_code", "skills", "capacity", "members", "base_lat", "base_lon",
    "always_on", "in_service", "shifts",
)  # fmt: skip
ALWAYS = ""
DAYS = "1-7 08:00-20:00"
OFFICE = "1-5 08:30-17:30"
NIGHTS = "1-7 20:00-08:00"


@dataclass(frozen=True, slots=True)
class Crew:
    """A kind of team as it is stood up: ``shifts`` empty for around the clock."""

    kind: str
    prefix: str
    title_zh: str
    title_en: str
    skills: tuple[str, ...]
    members: int
    capacity: int = 1
    shifts: str = ALWAYS


PATROL = Crew("patrol", "PT", "联动巡逻组", "Joint Patrol", ("patrol",), 4, 2)
NIGHT_PATROL = Crew("patrol", "PT", "夜间巡防组", "Night Patrol", ("patrol",), 3, 2, NIGHTS)
FIRE = Crew("fire", "FR", "微型消防站", "Fire Post", ("fire", "rescue"), 6)
HEAVY = Crew("fire", "FR", "综合救援队", "Heavy Rescue", ("fire", "rescue", "hazmat", "water_rescue", "search"), 8)
MEDICAL = Crew("medical", "MD", "急救组", "Medical", ("medical",), 3)
MEDIATION = Crew("mediation", "MJ", "调解组", "Mediation", ("mediation", "negotiation"), 3, 2, DAYS)
DUTY_MEDIATION = Crew("mediation", "MJ", "值班调解组", "Duty Mediation", ("mediation", "negotiation"), 3, 2)
INSPECTION = Crew("inspection", "XC", "联合检查组", "Inspection", ("inspection",), 3, 3, OFFICE)
GRID = Crew("grid", "WG", "网格员小队", "Grid Workers", ("care",), 4, 3, DAYS)
SUPPORT = Crew("support", "BZ", "综合保障组", "Support", (), 5, 4)

CREWS_OF_CENTRE = {
    "county": (HEAVY, HEAVY, MEDICAL, MEDICAL, PATROL, DUTY_MEDIATION, SUPPORT),
    "street_centre": (FIRE, FIRE, MEDICAL, MEDICAL, PATROL, NIGHT_PATROL, INSPECTION, MEDIATION),
    "community_station": (PATROL, GRID),
    "enterprise_micro_centre": (PATROL,),
}


def teams(centres: list[dict[str, str]], staff: Staff, chance: random.Random) -> list[dict[str, str]]:
    """Rows of teams.csv. A third of the stations have a mediation team as well."""
    signs = {prefix: count(1) for prefix in ("PT", "FR", "MD", "MJ", "XC", "WG", "BZ")}
    rows = []
    for centre in centres:
        for number, crew in _stood_up(centre["kind"], chance):
            rows.append(_row(centre, crew, number, f"{crew.prefix}-{next(signs[crew.prefix]):03d}", staff))
    return rows


def _stood_up(centre_kind: str, chance: random.Random) -> Iterator[tuple[int, Crew]]:
    seen: dict[str, int] = {}
    crews = CREWS_OF_CENTRE[centre_kind]
    if centre_kind == "community_station" and chance.random() < 1 / 3:
        crews = (*crews, MEDIATION)
    for crew in crews:
        seen[crew.title_zh] = seen.get(crew.title_zh, 0) + 1
        yield seen[crew.title_zh], crew


def _row(centre: dict[str, str], crew: Crew, number: int, sign: str, staff: Staff) -> dict[str, str]:
    members = [f"{'lead' if place == 0 else 'member'}:{staff.hire()}" for place in range(crew.members)]
    return {
        "call_sign": sign,
        "name_zh": f"{centre['name_zh']}{crew.title_zh.removesuffix('组')}{numeral(number)}组",
        "name_en": f"{centre['name_en']} {crew.title_en} {number}"[-64:].strip(),
        "kind": crew.kind,
        "centre_code": centre["code"],
        "skills": ";".join(crew.skills),
        "capacity": str(crew.capacity),
        "members": ";".join(members),
        "base_lat": centre["lat"],
        "base_lon": centre["lon"],
        "always_on": "true" if crew.shifts == ALWAYS else "false",
        "in_service": "true",
        "shifts": crew.shifts,
    }
