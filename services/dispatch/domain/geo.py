"""Distances on the ground, WGS 84 taken as a sphere: within half a per cent, which is less than a street's detour."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_METRES = 6_371_008.8


def haversine_metres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Great-circle distance between two points in degrees, in metres."""
    phi, other_phi = radians(lat), radians(other_lat)
    half = sin((other_phi - phi) / 2) ** 2 + cos(phi) * cos(other_phi) * sin(radians(other_lon - lon) / 2) ** 2
    return 2 * EARTH_RADIUS_METRES * asin(min(1.0, sqrt(half)))
