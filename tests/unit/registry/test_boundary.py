import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.boundary import Boundary
from services.registry.domain.errors import Refusal

positions = st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(list)
rings = st.lists(positions, min_size=3, max_size=6).map(lambda ring: [*ring, ring[0]])
polygons = st.lists(rings, min_size=1, max_size=3)
geometries = st.one_of(
    polygons.map(lambda rings: {"type": "Polygon", "coordinates": rings}),
    st.lists(polygons, min_size=1, max_size=3).map(lambda parts: {"type": "MultiPolygon", "coordinates": parts}),
)


@given(geometries)
def test_what_was_read_and_told_reads_the_same(geometry):
    boundary = Boundary.from_geojson(geometry)
    assert Boundary.from_geojson(boundary.to_geojson()) == boundary


def test_a_multipolygon_of_one_part_is_the_polygon():
    ring = [[0, 0], [1, 0], [1, 1], [0, 0]]
    one = Boundary.from_geojson({"type": "MultiPolygon", "coordinates": [[ring]]})
    assert one == Boundary.from_geojson({"type": "Polygon", "coordinates": [ring]})
    assert one.to_geojson()["type"] == "Polygon"


def test_heights_are_dropped_and_coordinates_kept_to_the_centimetre():
    ring = [[0.123456789, 0, 5.0], [1, 0, 5.0], [1, 1, 5.0], [0.123456789, 0, 5.0]]
    boundary = Boundary.from_geojson({"type": "Polygon", "coordinates": [ring]})
    assert boundary.polygons[0][0][0] == (0.1234568, 0.0)


@pytest.mark.parametrize(
    ("geometry", "rule"),
    [
        (None, "geometry_type"),
        ({"type": "Point", "coordinates": [1, 2]}, "geometry_type"),
        ({"type": "Polygon", "coordinates": []}, "geometry_type"),
        ({"type": "Polygon", "coordinates": "x"}, "geometry_type"),
        ({"type": "MultiPolygon", "coordinates": [[]]}, "geometry_type"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]}, "ring_length"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}, "ring_closed"),
        ({"type": "Polygon", "coordinates": [[[29, 119], [30, 119], [30, 120], [29, 119]]]}, "position_range"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, float("nan")], [1, 1], [0, 0]]]}, "position_range"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [True, 0], [1, 1], [0, 0]]]}, "position_range"),
        ({"type": "Polygon", "coordinates": [[[0, 0], ["1", 0], [1, 1], [0, 0]]]}, "position_range"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [10**400, 0], [1, 1], [0, 0]]]}, "position_range"),
    ],
)
def test_what_is_no_boundary_is_refused_with_its_rule(geometry, rule):
    with pytest.raises(Refusal) as refused:
        Boundary.from_geojson(geometry)
    assert (refused.value.rule, refused.value.field) == (rule, "geometry")
