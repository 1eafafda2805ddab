import pytest

from tests.unit.dispatch.builders import team
from tests.unit.dispatch.fakes import FakeDatabase


@pytest.fixture
def database():
    """Three medical teams of one centre, the first the nearest."""
    made = FakeDatabase()
    for number, lat in ((1, 30.001), (2, 30.02), (3, 30.04)):
        made.unit.teams.add(team(number, base_lat=lat, base_lon=120.0))
    return made
