"""Boxes of degrees, which an index or a scan can compare, around circles of metres."""

import math

METRES_PER_DEGREE = 111_000.0
"""Of latitude; a little less than it is, so that a box holds its whole circle."""


def around(lat: float, lon: float, metres: float) -> tuple[float, float, float, float]:
    """South, north, west and east (WGS 84, degrees) of a box that holds every point within `metres`."""
    high = metres / METRES_PER_DEGREE
    # Towards a pole a degree of longitude shrinks; there, and across the 180th meridian, the box goes round the earth.
    shrunk = math.cos(math.radians(min(abs(lat) + high, 90.0)))
    wide = high / max(shrunk, 1e-3)
    west, east = lon - wide, lon + wide
    if west < -180.0 or east > 180.0:
        west, east = -180.0, 180.0
    return lat - high, lat + high, west, east
