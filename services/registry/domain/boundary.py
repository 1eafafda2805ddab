"""Where a grid lies: a polygon with holes, or several, in WGS 84 degrees (RFC 7946)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.registry.domain.errors import broken

# 1e-7 degrees is about a centimetre: finer is noise, and one rounding makes "unchanged" mean the same everywhere.
DECIMALS = 7

Position = tuple[float, float]
Ring = tuple[Position, ...]
Polygon = tuple[Ring, ...]


@dataclass(frozen=True, slots=True)
class Boundary:
    """Polygons of rings of (lon, lat); the first ring of a polygon is its outline, the others are holes."""

    polygons: tuple[Polygon, ...]

    @staticmethod
    def from_geojson(geometry: Any) -> Boundary:
        """Read a GeoJSON Polygon or MultiPolygon; a third coordinate (height) is dropped.

        Raises geometry_type, ring_closed, ring_length or position_range, with field ``geometry``.
        """
        kind = geometry.get("type") if isinstance(geometry, dict) else None
        coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
        if kind not in ("Polygon", "MultiPolygon") or not isinstance(coordinates, list) or not coordinates:
            raise broken("geometry_type", "geometry", "a boundary is a Polygon or a MultiPolygon with coordinates")
        parts = [coordinates] if kind == "Polygon" else coordinates
        return Boundary(tuple(_polygon(part) for part in parts))

    def to_geojson(self) -> dict[str, Any]:
        """A Polygon when there is one part, else a MultiPolygon."""
        parts = [[[list(position) for position in ring] for ring in polygon] for polygon in self.polygons]
        if len(parts) == 1:
            return {"type": "Polygon", "coordinates": parts[0]}
        return {"type": "MultiPolygon", "coordinates": parts}


def _polygon(rings: Any) -> Polygon:
    if not isinstance(rings, list) or not rings:
        raise broken("geometry_type", "geometry", "a polygon is a list of rings")
    return tuple(_ring(ring) for ring in rings)


def _ring(positions: Any) -> Ring:
    if not isinstance(positions, list) or len(positions) < 4:
        raise broken("ring_length", "geometry", "a ring has at least four positions")
    ring = tuple(_position(position) for position in positions)
    if ring[0] != ring[-1]:
        raise broken("ring_closed", "geometry", "the last position of a ring repeats its first")
    return ring


def _position(position: Any) -> Position:
    if not isinstance(position, list) or len(position) < 2 or any(_not_a_number(value) for value in position[:2]):
        raise broken("position_range", "geometry", "a position is [longitude, latitude] in degrees")
    lon, lat = round(float(position[0]), DECIMALS), round(float(position[1]), DECIMALS)
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise broken("position_range", "geometry", "longitude is -180..180 and latitude -90..90, in this order")
    return (lon, lat)


def _not_a_number(value: Any) -> bool:
    # A whole number of JSON may be too large for a float.
    return isinstance(value, bool) or not isinstance(value, int | float) or not -360 <= value <= 360
