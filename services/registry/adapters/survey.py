"""Plane geometry with shapely. Areas are compared as shares, for which degrees do: both sides shrink alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from services.registry.domain.boundary import DECIMALS, Boundary


def shape_of(boundary: Boundary) -> MultiPolygon:
    """The boundary as shapely knows it."""
    return MultiPolygon([Polygon(polygon[0], polygon[1:]) for polygon in boundary.polygons])


def boundary_of(shape: BaseGeometry) -> Boundary:
    """The polygons of a shape in normal form, outlines anticlockwise (RFC 7946); lines and points are dropped."""
    parts = shapely.get_parts(shapely.orient_polygons(shapely.normalize(shape)))
    return Boundary(tuple(_rings(part) for part in parts if isinstance(part, Polygon)))


def _rings(polygon: Polygon) -> tuple[tuple[tuple[float, float], ...], ...]:
    return tuple(
        tuple((round(x, DECIMALS), round(y, DECIMALS)) for x, y in ring.coords)
        for ring in (polygon.exterior, *polygon.interiors)
    )


class ShapelySurveyor:
    """Meets the port Surveyor. Keeps what it converted: one import asks for the same boundary many times."""

    def __init__(self) -> None:
        self._shapes: dict[int, tuple[Boundary, MultiPolygon]] = {}

    def why_invalid(self, boundary: Boundary) -> str | None:
        """What GEOS says is wrong, with the place in degrees."""
        shape = self._shape(boundary)
        if not shape.is_valid:
            return str(shapely.is_valid_reason(shape))
        return "no area" if shape.area == 0 else None

    def union(self, boundaries: Sequence[Boundary]) -> Boundary:
        """Noded on the coordinates' own grid, so that rounding afterwards moves nothing."""
        shapes = [self._shape(boundary) for boundary in boundaries]
        return boundary_of(shapely.union_all(shapes, grid_size=10.0**-DECIMALS))

    def overlaps(self, boundaries: Mapping[str, Boundary]) -> list[tuple[str, str, float]]:
        """Neighbours touch, which is no overlap; a shared strip of any width is returned with its share."""
        codes = sorted(boundaries)
        shapes = [self._shape(boundaries[code]) for code in codes]
        tree = shapely.STRtree(shapes)
        found = []
        for left, right in sorted(zip(*tree.query(shapes, predicate="intersects").tolist(), strict=True)):
            if left < right:
                common = shapes[left].intersection(shapes[right]).area
                if common > 0:
                    found.append((codes[left], codes[right], common / min(shapes[left].area, shapes[right].area)))
        return found

    def share_outside(self, child: Boundary, parent: Boundary) -> float:
        """0 for a child within its parent, 1 for one that lies elsewhere."""
        shape = self._shape(child)
        return float(shape.difference(self._shape(parent)).area / shape.area)

    def _shape(self, boundary: Boundary) -> MultiPolygon:
        # By identity: hashing a boundary reads every coordinate. The boundary is kept too, so its id stays taken.
        known = self._shapes.get(id(boundary))
        if known is None:
            known = self._shapes[id(boundary)] = (boundary, shape_of(boundary))
        return known[1]
