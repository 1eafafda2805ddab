"""Fields that every owner means the same by: codes of the grid tree and of centres, points, moments, versions."""

from typing import Any

from contracts.fields import Measure, Message, Moment, Text, Whole

MICRO_GRID = "99999900100100101"
CENTRE = "C-999999001"


def centre_code(**options: Any) -> Text:
    return Text("The centre's code", most=64, example=CENTRE, **options)


def grid_code(**options: Any) -> Text:
    return Text(
        "Code of a division, grid or micro-grid: a prefix is a jurisdiction",
        most=17,
        pattern=r"[0-9]{2,17}",
        example=MICRO_GRID,
        **options,
    )


def latitude(**options: Any) -> Measure:
    return Measure("Latitude, WGS 84", least=-90, most=90, unit="degree", example=29.0801, **options)


def longitude(**options: Any) -> Measure:
    return Measure("Longitude, WGS 84", least=-180, most=180, unit="degree", example=119.6474, **options)


def moment(about: str, **options: Any) -> Moment:
    return Moment(f"{about} (RFC 3339, with offset)", example="2026-01-02T03:04:05.678901Z", **options)


def version(**options: Any) -> Whole:
    return Whole("Version of the aggregate, +1 with each change", least=1, example=3, **options)


class Point(Message):
    """A place on the ground."""

    lat = latitude()
    lon = longitude()
