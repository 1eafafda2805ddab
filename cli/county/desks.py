"""The centres of a synthetic county: one for the county, one a town, one station a community, some in enterprises."""

from __future__ import annotations

import random

from shapely.geometry import Polygon

from cli.county.plan import Node

COLUMNS = ("code", "name_zh", "name_en", "kind", "grid_code", "lat", "lon", "always_open", "opens", "closes")
STATION_NEVER_CLOSES = 0.2
ENTERPRISE_HAS_CENTRE = 0.6
STATION_HOURS = (("08:00", "20:00"), ("07:30", "21:00"), ("08:30", "22:00"))
ENTERPRISE_HOURS = (("08:00", "18:00"), ("07:00", "23:00"))
ALWAYS = ("", "")


def centres(
    county: Node,
    names: dict[str, tuple[str, str]],
    kind_of: dict[str, str],
    cells: dict[str, Polygon],
    chance: random.Random,
) -> list[dict[str, str]]:
    """Rows of centres.csv, the county's own first."""
    rows = [_row("C0", "county", "社会治理中心", "Governance Centre", county, names, cells, ALWAYS)]
    for town in county.children:
        rows.append(_row("C1", "street_centre", "社会治理中心", "Centre", town, names, cells, ALWAYS))
        for community in town.children:
            hours = ALWAYS if chance.random() < STATION_NEVER_CLOSES else chance.choice(STATION_HOURS)
            rows.append(_row("C2", "community_station", "综合服务站", "Station", community, names, cells, hours))
            for grid in community.children:
                if kind_of[grid.code] == "enterprise" and chance.random() < ENTERPRISE_HAS_CENTRE:
                    hours = chance.choice(ENTERPRISE_HOURS)
                    rows.append(
                        _row("C3", "enterprise_micro_centre", "企业微中心", "Micro-centre", grid, names, cells, hours)
                    )
    return rows


def _row(
    prefix: str,
    kind: str,
    title_zh: str,
    title_en: str,
    node: Node,
    names: dict[str, tuple[str, str]],
    cells: dict[str, Polygon],
    hours: tuple[str, str],
) -> dict[str, str]:
    place = cells[node.code].representative_point()
    return {
        "code": f"{prefix}-{node.code}",
        "name_zh": names[node.code][0] + title_zh,
        "name_en": f"{names[node.code][1]} {title_en}",
        "kind": kind,
        "grid_code": node.code,
        "lat": f"{place.y:.6f}",
        "lon": f"{place.x:.6f}",
        "always_open": "true" if hours == ALWAYS else "false",
        "opens": hours[0],
        "closes": hours[1],
    }
