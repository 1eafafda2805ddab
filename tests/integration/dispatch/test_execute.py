"""Commands from the batch to the rows: one transaction, one answer a key, every event in the outbox."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
import pytest

from contracts import catalogue, envelope
from services.dispatch.application import queries
from services.dispatch.application.access import wall_of
from services.dispatch.domain.assignment import Roster
from services.dispatch.domain.clocks import Breach
from services.dispatch.domain.incident import Note
from tests.integration.dispatch.county import (
    COUNTY_CENTRE,
    DEV,
    EAST,
    IN_EAST,
    IN_WEST,
    STATION,
    WEST,
    call_for_help,
    command,
    desk,
    node,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def outbox(rows):
    """The events in the outbox, in the order in which they will leave."""

    def events(subject=None):
        found = rows("SELECT body FROM outbox WHERE content_type LIKE '%cloudevents%' ORDER BY id")
        loaded = [envelope.load(bytes(row[0])) for row in found]
        return [each for each in loaded if subject in (None, each.subject)]

    return events


def whole_day(number, team):
    """Every step of an ordinary call, five seconds apart."""
    ref = f"police110:{number}"
    steps = [
        command("incident.create", data=call_for_help(number)),
        command("incident.push", incident=ref),
        command("incident.acknowledge", incident=ref),
        command("incident.assign", incident=ref, data={"team": team}),
        *(command(f"assignment.{step}", incident=ref, team=team) for step in ("accept", "depart", "arrive", "clear")),
        command("incident.resolve", incident=ref, data={"outcome": "settled"}),
        command("incident.feedback", incident=ref, data={"disposition": "18"}),
        command("incident.close", incident=ref),
        command("incident.archive", incident=ref),
    ]
    start = datetime.now(UTC) - timedelta(seconds=5 * len(steps))
    return [{**step, "occurred_at": (start + timedelta(seconds=5 * n)).isoformat()} for n, step in enumerate(steps)]


def test_a_batch_carries_a_call_from_receipt_to_archive_with_a_row_a_link_and_an_event_for_each_step(
    dispatch, rows, outbox, team
):
    steps = whole_day("n-day", team("E39") and "E39")
    answers = dispatch.execute(steps, DEV)
    assert [answer.get("problem") for answer in answers] == [None] * len(steps)
    incident_id = answers[0]["result"]["incident_id"]
    (row,) = rows("SELECT * FROM incident WHERE incident_id = :id", id=incident_id)
    assert (row.state, row.jurisdiction, row.centre_code, row.policy_id) == ("archived", WEST, STATION, "115")
    stamps = [row.received_at, row.pushed_at, row.acknowledged_at, row.first_assigned_at]
    stamps += [
        row.first_departed_at,
        row.first_on_scene_at,
        row.resolved_at,
        row.fed_back_at,
        row.closed_at,
        row.archived_at,
    ]
    told = {step["command"]: datetime.fromisoformat(step["occurred_at"]) for step in steps}
    expected = ["incident.create", "incident.push", "incident.acknowledge", "incident.assign", "assignment.depart"]
    expected += ["assignment.arrive", "incident.resolve", "incident.feedback", "incident.close", "incident.archive"]
    assert stamps == [told[name] for name in expected]
    events = outbox(incident_id)
    assert [event.sequence for event in events] == list(range(1, row.version + 1))
    links = rows("SELECT seq, type, hash FROM timeline WHERE incident_id = :id ORDER BY seq", id=incident_id)
    assert [(link.seq, link.type) for link in links] == [(event.sequence, event.type) for event in events]
    assert [bytes(link.hash).hex() for link in links] == [event.data["chain"] for event in events]
    assert bytes(row.chain_head).hex() == events[-1].data["chain"]
    assert rows("SELECT * FROM deadline") == []


def test_every_event_keeps_its_contract(dispatch, outbox, team):
    dispatch.execute(whole_day("n-contract", team("E40") and "E40"), DEV)
    for event in outbox():
        # Strict: a field that the schema does not know is refused too.
        catalogue.dump_data(event.type, event.data)
        assert event.source == "/dispatch"
    assert {event.jurisdiction for event in outbox() if ".incident." in event.type} == {WEST}


def test_an_incident_comes_back_from_its_rows_as_it_was_saved(dispatch, do, incident, team):
    duplicate, primary, sign = incident(summary="楼道有烟"), incident(caller={"phone": "00000000000"}), "E41"
    team(sign)
    do("incident.push", incident=primary, data={"note": "转街道"})
    do("incident.assign", incident=primary, data={"team": sign})
    do("incident.merge", incident=duplicate, data={"into": primary})
    corrected = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    do("incident.correct", incident=primary, data={"stage": "received", "occurred_at": corrected, "why": "时钟偏差"})
    do("incident.cancel", incident=primary, data={"reason": "已无需处置"})
    do("incident.reopen", incident=primary, data={"reason": "再次求助"})

    def copy_all(unit):
        unit.incidents.load(ids=[UUID(primary), UUID(duplicate)])
        copies = [copy_of(unit.incidents.get(UUID(each)), unit.new_id) for each in (primary, duplicate)]
        for each in copies:
            unit.incidents.add(each)
        return copies

    for saved in dispatch.transactions(copy_all):
        assert saved.past_stamps or saved.merge is not None
        assert dispatch.looks(lambda look, saved=saved: look.find(saved.id), wall_of(DEV)) == saved


def copy_of(incident, new_id):
    """The same incident under new ids, as if it had just been made with all that happened to it."""
    twin = replace(incident, id=new_id(), is_new=True, reference_number=f"{incident.reference_number}-twin")
    twin.roster = Roster([replace(each, id=new_id(), incident_id=twin.id) for each in incident.assignments])
    twin.roster.changed.update({each.id: each for each in twin.assignments})
    twin.notes.append(Note(datetime.now(UTC), "dev", "note", "备注"))
    for each in twin.clockwork.clocks:
        each.breach = Breach(each.stage, 1, STATION, "centre", 60.0, each.due_at, each.due_at, backfill=False)
    return twin


def test_a_refused_command_hurts_no_neighbour_and_changes_nothing(dispatch, rows):
    batch = [
        command("incident.create", data=call_for_help("n-1")),
        command("incident.push", incident="police110:nobody"),
        command("incident.create", data=call_for_help("n-1")),
        command("incident.create", data={**call_for_help("n-2"), "nonsense": 1}),
        command("incident.resolve", incident="police110:n-1", data={"outcome": "settled"}),
        command("incident.create", data=call_for_help("n-3", location={"grid_code": "12345678901234567"})),
        command("incident.push", incident="police110:n-1"),
    ]
    answers = dispatch.execute(batch, DEV)
    codes = [answer["problem"]["code"] if not answer["ok"] else answer["status"] for answer in answers]
    refusals = ["unknown_incident", "reference_taken", "unknown_field", "impossible_transition", "unknown_grid"]
    assert [codes[0], codes[-1]] == [201, 200]
    assert codes[1:-1] == refusals
    assert answers[5]["problem"]["field"] == "data.location.grid_code"
    assert rows("SELECT reference_number, version FROM incident") == [("n-1", 2)]


def test_the_same_key_gives_the_same_answer_and_another_body_is_refused(dispatch, rows):
    create = command("incident.create", data=call_for_help("n-key"))
    first, again = dispatch.execute([create], DEV)[0], dispatch.execute([create], DEV)[0]
    assert (first["replayed"], again) == (False, {**first, "replayed": True})
    other = {**create, "data": call_for_help("n-other")}
    assert dispatch.execute([other], DEV)[0]["problem"]["code"] == "idempotency_key_reused"
    twice = command("incident.create", data=call_for_help("n-twice"))
    once, repeated = dispatch.execute([twice, twice], DEV)
    assert (once["replayed"], repeated) == (False, {**once, "replayed": True})
    assert rows("SELECT count(*) FROM incident") == [(2,)]


def test_a_refusal_is_remembered_too(dispatch, incident):
    early = command("incident.resolve", incident=incident(), data={"outcome": "settled"})
    first, again = dispatch.execute([early], DEV)[0], dispatch.execute([early], DEV)[0]
    assert first["problem"]["code"] == "impossible_transition"
    assert again == {**first, "replayed": True}


def test_twins_sent_at_the_same_moment_have_one_effect_and_one_answer(dispatch, rows):
    batch = [command("incident.create", data=call_for_help(f"n-twin-{n}")) for n in range(50)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: dispatch.execute(batch, DEV), range(4)))
    results = [[answer["result"] for answer in each] for each in answers]
    assert results[1:] == results[:1] * 3
    assert sorted(each[0]["replayed"] for each in answers) == [False, True, True, True]
    assert rows("SELECT count(*), count(DISTINCT reference_number) FROM incident") == [(50, 50)]
    assert rows("SELECT count(*) FROM outbox") == [(50,)]


def test_two_clients_creating_the_same_reference_at_once_get_one_incident_and_one_refusal(dispatch, rows):
    def create(n):
        return dispatch.execute([command("incident.create", key=f"race-{n}", data=call_for_help("n-race"))], DEV)[0]

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(create, range(6)))
    refused = [answer["problem"]["code"] for answer in answers if not answer["ok"]]
    assert refused == ["reference_taken"] * 5
    assert rows("SELECT count(*) FROM incident") == [(1,)]


def test_batches_that_name_the_same_incidents_in_opposite_order_both_go_through(dispatch, incident):
    ids = [incident() for _ in range(30)]
    batches = [
        [command("incident.note", incident=each, data={"note": "备注"}) for each in order]
        for order in (ids, ids[::-1]) * 2
    ]
    with ThreadPoolExecutor(4) as pool:
        answers = [answer for each in pool.map(lambda batch: dispatch.execute(batch, DEV), batches) for answer in each]
    assert [answer["problem"] for answer in answers if not answer["ok"]] == []
    assert sorted(answer["result"]["version"] for answer in answers) == sorted([2, 3, 4, 5] * 30)


def test_two_takers_never_send_a_team_to_more_than_it_can_take(dispatch, do, incident, team, rows):
    team(capacity=2)
    ids = [incident(location=IN_WEST) for _ in range(6)]
    for each in ids:
        do("incident.push", incident=each)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda each: do("incident.assign", incident=each, data={"auto": True}), ids))
    assert sorted(answer.get("code", "sent") for answer in answers) == ["no_team_available"] * 4 + ["sent"] * 2
    assert rows("SELECT count(*) FROM assignment") == [(2,)]


def test_auto_sends_the_first_of_the_recommendation_and_says_of_every_team_why_none_can_go(
    dispatch, do, incident, team
):
    far, full = {"lat": 29.4, "lon": 119.2}, team("FULL", base=IN_WEST)
    team("UNSKILLED", skills=["care"], base=IN_WEST)
    team("RESTING", in_service=False, base=IN_WEST)
    team("FAR", base=far)
    near = team("NEAR", base={"lat": 29.49, "lon": 119.24}, skills=["care", "medical"])
    first, second, third, fourth = [incident(location=IN_WEST) for _ in range(4)]
    for each in (first, second, third, fourth):
        do("incident.push", incident=each)
    do("incident.assign", incident=first, data={"team": full})
    ranked = dispatch.ask(queries.recommendations, DEV, second)["candidates"]
    assert [each["team_id"] for each in ranked if each["rank"] == 1] == [near]
    for each in (second, third):
        do("incident.assign", incident=each, data={"auto": True})
    on = {each["call_sign"]: len(each["open_assignments"]) for each in dispatch.ask(queries.list_teams, DEV)["teams"]}
    assert on == {"FULL": 1, "UNSKILLED": 0, "RESTING": 0, "FAR": 1, "NEAR": 1}
    refused = do("incident.assign", incident=fourth, data={"auto": True})
    assert (refused["considered"], refused["reasons"]) == (
        5, {"at_capacity": 3, "skill_missing": 1, "out_of_service": 1},
    )  # fmt: skip


def test_a_callers_contact_is_sealed_and_each_reading_leaves_its_record(dispatch, do, rows):
    phone = "13800001234"
    made = do("incident.create", data=call_for_help(caller={"name": "测试甲", "phone": phone}), view=True)
    (sealed,) = rows("SELECT sealed FROM contact")[0]
    everything = rows("SELECT row_to_json(i)::text || (SELECT string_agg(body, '') FROM timeline) FROM incident i")[0][
        0
    ]
    stored = b"".join(bytes(row[0]) for row in rows("SELECT body FROM outbox UNION ALL SELECT answer FROM idempotency"))
    for secret in (phone, "测试甲"):
        assert secret.encode() not in bytes(sealed) + stored + orjson.dumps(made)
        assert secret not in everything
    read = do("incident.read_contact", incident=made["incident_id"], data={"purpose": "call_back"})
    assert read["contact"]["phone"] == phone
    assert rows("SELECT type FROM timeline ORDER BY seq DESC LIMIT 1") == [
        ("wangge.dispatch.incident.contact_read.v1",)
    ]


def test_an_incident_without_a_known_place_goes_to_the_county_and_says_so(do):
    made = do("incident.create", data=call_for_help(location={"lat": 10.0, "lon": 10.0}, push=True), view=True)
    assert (made["incident"]["centre_code"], made["incident"]["flags"]) == (COUNTY_CENTRE, ["location_unresolved"])


def test_a_point_is_found_in_its_micro_grid_and_a_changed_boundary_counts_from_the_next_command(dispatch, do):
    def grid_of(place):
        return do("incident.create", data=call_for_help(location=place), view=True)["incident"]["grid_code"]

    assert [grid_of(IN_WEST), grid_of(IN_EAST), grid_of({"lat": 29.5, "lon": 119.5})] == [WEST, EAST, WEST]
    grown = {
        "type": "Polygon",
        "coordinates": [[[119.0, 29.0], [120.0, 29.0], [120.0, 30.0], [119.0, 30.0], [119.0, 29.0]]],
    }
    dispatch.transactions(
        lambda unit: unit.places_writer.put_grids([node(WEST, 2, grown), node(EAST, 2, retired=True)])
    )
    assert grid_of(IN_EAST) == WEST


def test_an_older_version_of_a_place_changes_nothing(dispatch, do, rows):
    def tell_old(unit):
        unit.places_writer.put_grids([node(WEST, 3, None), node(WEST, 2, None, retired=True)])
        unit.places_writer.put_grids([node(WEST, 1, None, retired=True)])
        unit.places_writer.put_centres([desk(STATION, EAST, "community_station")])

    dispatch.transactions(tell_old)
    assert rows("SELECT version, retired FROM grid_node WHERE code = :code", code=WEST) == [(3, False)]
    assert rows("SELECT grid_code FROM centre WHERE code = :code", code=STATION) != [(EAST,)]
