"""The ground of a synthetic county: Voronoi cells within Voronoi cells, without a gap or an overlap."""

from __future__ import annotations

import math
import random

import shapely
from shapely.geometry import MultiPoint, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from cli.county.plan import Bounds, Node

# GeoJSON is written with seven decimals (a centimetre). The lines are noded on that very grid, so that rounding
# moves the shared corners of neighbours together and tears nothing.
PRECISION = 1e-7
RELAXATIONS = 1


def ground(county: Node, bounds: Bounds, chance: random.Random) -> dict[str, Polygon]:
    """The polygon of every node by code, in degrees; the micro-grids cover the box exactly once."""
    squeeze = math.cos(math.radians((bounds.south + bounds.north) / 2))
    whole = box(bounds.west * squeeze, bounds.south, bounds.east * squeeze, bounds.north)
    rough: dict[str, Polygon] = {}
    _divide(county, whole, chance, rough)
    leaves = [leaf.code for leaf in county.leaves()]
    stretched = shapely.transform([rough[code] for code in leaves], lambda xy: xy / [squeeze, 1.0])
    cells = dict(zip(leaves, _noded(list(stretched)), strict=True))
    _join(county, cells)
    return cells


def _divide(node: Node, region: Polygon, chance: random.Random, into: dict[str, Polygon]) -> None:
    into[node.code] = region
    if not node.children:
        return
    for child, cell in zip(node.children, _voronoi(region, len(node.children), chance), strict=True):
        _divide(child, cell, chance, into)


def _voronoi(region: Polygon, count: int, chance: random.Random) -> list[Polygon]:
    """``count`` convex cells of a convex region. One step of Lloyd's relaxation keeps them from being splinters."""
    if count == 1:
        return [region]
    sites = [_point_in(region, chance) for _ in range(count)]
    for _ in range(RELAXATIONS):
        sites = [cell.centroid for cell in _cells(region, sites)]
    return _cells(region, sites)


def _cells(region: Polygon, sites: list[Point]) -> list[Polygon]:
    cells = shapely.voronoi_polygons(MultiPoint(sites), extend_to=region, ordered=True)
    return [_polygon(cell.intersection(region)) for cell in cells.geoms]


def _point_in(region: Polygon, chance: random.Random) -> Point:
    west, south, east, north = region.bounds
    while True:
        point = Point(chance.uniform(west, east), chance.uniform(south, north))
        if region.contains(point):
            return point


def _noded(rough: list[Polygon]) -> list[Polygon]:
    """The same cells with every corner of a neighbour in their own outline, on the grid of PRECISION.

    A cell's corner in the middle of a neighbour's edge would leave a sliver when rounded; snap-rounding all
    lines at once puts the corner into both. Raises ValueError when cells are too small for the precision.
    """
    lines = shapely.unary_union([cell.exterior for cell in rough], grid_size=PRECISION)
    faces = list(shapely.get_parts(shapely.polygonize(shapely.get_parts(lines))))
    tree = shapely.STRtree(rough)
    owned: list[list[Polygon]] = [[] for _ in rough]
    inside, owners = tree.query([face.representative_point() for face in faces], predicate="intersects")
    seen = set()
    for face, owner in sorted(zip(inside.tolist(), owners.tolist(), strict=True)):
        if face not in seen:
            seen.add(face)
            owned[owner].append(faces[face])
    if not all(owned):
        raise ValueError("the box is too small for so many micro-grids")
    return [_polygon(shapely.orient_polygons(shapely.normalize(shapely.unary_union(parts)))) for parts in owned]


def _join(node: Node, cells: dict[str, Polygon]) -> Polygon:
    if node.children:
        cells[node.code] = _polygon(shapely.union_all([_join(child, cells) for child in node.children]))
    return cells[node.code]


def _polygon(shape: BaseGeometry) -> Polygon:
    """Convex cells and unions of neighbours are in one piece; anything else is a box too small for the precision."""
    if not isinstance(shape, Polygon):
        raise ValueError("the box is too small for so many micro-grids")  # noqa: TRY004 - about the box, not the type
    return shape
