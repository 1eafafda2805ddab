"""A box holds its circle wherever on earth it is."""

from hypothesis import example, given
from hypothesis import strategies as st

from services.dispatch.adapters.box import around
from services.dispatch.domain.geo import haversine_metres

latitudes, longitudes = st.floats(-89.9, 89.9), st.floats(-180, 180)


@given(latitudes, longitudes, st.floats(-1, 1), st.floats(-1, 1), st.sampled_from([300.0, 5_000.0, 30_000.0]))
@example(30.0, 179.999, 0.0, 0.01, 5_000.0)
@example(89.9, 0.0, 0.1, 1.0, 30_000.0)
def test_whoever_is_within_the_metres_is_within_the_box(lat, lon, north, east, metres):
    other_lat = min(max(lat + north * metres / 100_000, -90.0), 90.0)
    other_lon = (lon + 180.0 + east * 180.0) % 360.0 - 180.0 if abs(lat) > 80 else lon + east * metres / 15_000
    other_lon = (other_lon + 180.0) % 360.0 - 180.0
    south, top, west, right = around(lat, lon, metres)
    if haversine_metres(lat, lon, other_lat, other_lon) <= metres:
        assert south <= other_lat <= top
        assert west <= other_lon <= right
