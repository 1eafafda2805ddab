"""Lists of incidents against the rows themselves: every filter, and pages that together are the whole."""

from datetime import timedelta

import pytest

from services.dispatch.application import queries, selecting
from tests.integration.dispatch.county import DEV, EAST, IN_EAST, STATION, WEST

pytestmark = pytest.mark.integration


@pytest.fixture
def some(incident, do, team, long_ago):
    """A dozen incidents that differ in whatever a list can be narrowed by."""
    ids = [incident(category="medical", source="police") for _ in range(3)]
    ids += [incident(category="fight", source="hotline", priority=3, location=IN_EAST) for _ in range(3)]
    ids += [incident(category="medical", exercise=True), incident(occurred_at=long_ago)]
    team("L1")
    do("incident.push", incident=ids[0])
    do("incident.assign", incident=ids[0], data={"team": "L1"})
    do("incident.push", incident=ids[1])
    do("incident.cancel", incident=ids[2], data={"reason": "误报"})
    # Pushed ten minutes after its receipt: late.
    do("incident.push", incident=ids[7], occurred_at=long_ago + timedelta(minutes=10))
    return ids


def listed(dispatch, **filters):
    return {each["incident_id"] for each in dispatch.ask(queries.list_incidents, DEV, filters)["incidents"]}


FILTERS = [
    ({"state": ["pushed", "assigned"]}, "state IN ('pushed', 'assigned')"),
    ({"state": "received"}, "state = 'received'"),
    ({"open": True}, "state NOT IN ('closed', 'archived', 'cancelled', 'merged')"),
    ({"category": ["fight"]}, "category = 'fight'"),
    ({"category": ["fight", "medical"]}, "category IN ('fight', 'medical')"),
    ({"kind": ["emergency"]}, "kind = 'emergency'"),
    ({"priority": [3]}, "priority = 3"),
    ({"source": ["hotline"]}, "source = 'hotline'"),
    ({"centre": [STATION]}, f"centre_code = '{STATION}'"),
    ({"prefix": WEST}, f"jurisdiction = '{WEST}'"),
    ({"prefix": EAST}, f"jurisdiction = '{EAST}'"),
    ({"exercise": "exclude"}, "NOT exercise"),
    ({"exercise": "only"}, "exercise"),
    ({"backfill": True}, "backfill"),
    ({"backfill": False}, "NOT backfill"),
    ({"breached": True}, "incident_id IN (SELECT incident_id FROM breach WHERE withdrawn_at IS NULL)"),
    ({"breached": False}, "incident_id NOT IN (SELECT incident_id FROM breach WHERE withdrawn_at IS NULL)"),
    ({"reference_system": "police110"}, "reference_system = 'police110'"),
    ({"team": "L1"}, "incident_id IN (SELECT incident_id FROM assignment)"),
]


@pytest.mark.parametrize(("filters", "where"), FILTERS, ids=[str(filters) for filters, _ in FILTERS])
def test_a_list_has_exactly_the_incidents_that_its_filter_names(dispatch, rows, some, filters, where):
    expected = {str(row.incident_id) for row in rows(f"SELECT incident_id FROM incident WHERE {where}")}
    assert expected, "the filter has nothing to find: this case would not notice anything"
    assert listed(dispatch, **filters) == expected


def test_a_span_of_receipts_includes_its_start_and_not_its_end(dispatch, some, long_ago):
    assert listed(dispatch, since=long_ago, until=long_ago + timedelta(seconds=1)) == {some[7]}
    assert listed(dispatch, since=long_ago - timedelta(days=1), until=long_ago) == set()


def test_pages_in_part_together_are_the_whole_list_each_incident_once_newest_first(dispatch, rows, some):
    found, cursor = [], None
    while True:
        page = dispatch.ask(selecting.select_incidents, DEV, ["incident_id", "state"], {}, 3, cursor)
        found += page["incidents"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    held = rows("SELECT incident_id, state FROM incident ORDER BY received_at DESC, incident_id DESC")
    assert found == [{"incident_id": str(row.incident_id), "state": row.state} for row in held]
