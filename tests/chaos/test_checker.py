"""The rules themselves, held against evidence made up by hand: sound evidence passes, each fault in it is named."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.checker import Evidence, violations
from tests.chaos.journal import Journal

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOME = "11111111-1111-7111-8111-111111111111"
STEPS = (("received", "received", 0), ("pushed", "pushed", 1), ("breached", "pushed", 4), ("assigned", "assigned", 5))
COMMANDS = {1: "incident.create", 2: "incident.push", 4: "incident.assign"}


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def entry(seq: int, type_: str, state: str, seconds: float) -> dict[str, Any]:
    data = {"state": state, "stage": "assign", "generation": 1}
    return {
        "seq": seq, "type": f"wangge.dispatch.incident.{type_}.v1", "occurred_at": at(seconds), "body": {"data": data},
    }  # fmt: skip


@pytest.fixture
def evidence(tmp_path: Path) -> Iterator[Evidence]:
    """One incident: pushed in time, assigned late, then resolved by nobody before its arrival was due."""
    journal = Journal(tmp_path / "journal.jsonl")
    timeline = [entry(seq, *step) for seq, step in enumerate(STEPS, 1)]
    for offset, row in enumerate(timeline):
        told = {"subject": HOME, "sequence": row["seq"], "type": row["type"], "id": str(offset)}
        journal.add("event", offset=offset, **told)
        journal.add("witness", **told)
        if command := COMMANDS.get(row["seq"]):
            journal.add("invoke", key=command, command=command, incident=HOME)
            journal.add("answer", outcome="ok", version=row["seq"], state="", code=None, key=command,
                        command=command, incident_id=HOME, assignment_id=None)  # fmt: skip
    incident = {
        "incident_id": HOME, "summary": "one", "state": "assigned", "version": 4, "received_at": at(0),
        "pushed_at": at(1), "first_assigned_at": at(5), "first_on_scene_at": None, "policy_id": "chaos",
        "backfill": False,
    }  # fmt: skip
    breach = {"incident_id": HOME, "stage": "assign", "generation": 1, "withdrawn_at": None}
    targets = {"push": 2.0, "assign": 2.0, "arrive": 3.0}
    dead: dict[str, set[str]] = {"dispatch.commands": set(), "dispatch.grid-tree": set()}
    yield Evidence(journal, [incident], {HOME: timeline}, [breach], [], dead, targets, at(6))
    journal.close()


def rules(evidence: Evidence) -> set[str]:
    return {found.partition(":")[0] for found in violations(evidence)}


def test_sound_evidence_violates_nothing(evidence: Evidence) -> None:
    assert violations(evidence) == []


def test_a_lost_command_is_found(evidence: Evidence) -> None:
    evidence.timeline[HOME].pop()
    evidence.incidents[0] |= {"version": 3, "state": "pushed"}
    assert "no_acknowledged_command_is_lost" in rules(evidence)


def test_an_effect_had_twice_is_found(evidence: Evidence) -> None:
    evidence.timeline[HOME].append(entry(5, "pushed", "assigned", 6))
    evidence.incidents[0]["version"] = 5
    assert "a_key_has_one_effect" in rules(evidence)


def test_another_answer_to_the_same_key_is_found(evidence: Evidence) -> None:
    answer = copy.deepcopy(next(evidence.journal.of("answer")))
    evidence.journal.add("again", **{k: v for k, v in answer.items() if k not in {"at", "kind"}} | {"version": 9})
    assert rules(evidence) == {"the_same_key_gives_the_same_answer"}


@pytest.mark.parametrize("wrong", [{"version": 5}, {"state": "closed"}])
def test_a_version_or_a_state_that_the_timeline_does_not_tell_is_found(
    evidence: Evidence, wrong: dict[str, Any]
) -> None:
    evidence.incidents[0] |= wrong
    assert rules(evidence) == {"versions_rise_by_one_and_states_are_legal"}


def test_an_illegal_step_is_found(evidence: Evidence) -> None:
    evidence.timeline[HOME][1]["body"]["data"]["state"] = "on_scene"
    assert rules(evidence) == {"versions_rise_by_one_and_states_are_legal"}


def test_an_event_that_was_recorded_and_never_told_is_found(evidence: Evidence) -> None:
    evidence.timeline[HOME].append(entry(5, "note_added", "assigned", 6))
    evidence.incidents[0]["version"] = 5
    assert rules(evidence) == {"every_event_was_told"}


def test_an_event_that_was_told_and_never_recorded_is_found(evidence: Evidence) -> None:
    told = {"subject": HOME, "sequence": 5, "type": "wangge.dispatch.incident.note_added.v1", "id": "x"}
    evidence.journal.add("event", offset=4, **told)
    assert rules(evidence) == {"every_event_was_told"}


def test_an_event_that_was_told_and_rolled_back_and_told_again_is_found(evidence: Evidence) -> None:
    first = next(evidence.journal.of("event"))
    again = {**first, "id": "again", "offset": 4}
    evidence.journal.add("event", **{k: v for k, v in again.items() if k not in {"at", "kind"}})
    assert rules(evidence) == {"every_event_was_told"}


def test_a_stream_that_goes_back_without_telling_is_found(evidence: Evidence) -> None:
    first = next(evidence.journal.of("event"))
    evidence.journal.add("event", **{k: v for k, v in first.items() if k not in {"at", "kind"}})
    assert rules(evidence) == {"the_stream_is_in_order"}


def without_offset(evidence: Evidence, offset: int) -> list[dict[str, Any]]:
    """The journal as if the stream had not brought what stands at `offset`; what it was brought after it."""
    entries = evidence.journal._entries
    at_it = next(n for n, each in enumerate(entries) if each["kind"] == "event" and each["offset"] == offset)
    del entries[at_it]
    later = entries[at_it:]
    del entries[at_it:]
    return later


@pytest.mark.parametrize(
    ("gap", "excused"),
    [
        (None, False),
        ({"from": 1, "to": 1, "reason": "retention"}, True),
        ({"from": 1, "to": None, "reason": "stream_restarted"}, True),
    ],
)
def test_an_event_that_is_missing_on_the_stream_must_be_in_a_gap_that_was_told(
    evidence: Evidence, gap: dict[str, Any] | None, *, excused: bool
) -> None:
    later = without_offset(evidence, 1)
    if gap is not None:
        evidence.journal.add("gap", **gap)
    evidence.journal._entries.extend(later)
    assert ("the_stream_is_in_order" in rules(evidence)) is not excused


def test_a_gap_that_was_told_long_ago_excuses_nothing(evidence: Evidence) -> None:
    later = without_offset(evidence, 1)
    evidence.journal._entries.insert(0, {"kind": "gap", "from": 0, "to": 0, "reason": "retention", "at": 0.0})
    evidence.journal._entries.extend(later)
    assert "the_stream_is_in_order" in rules(evidence)


def test_a_hole_in_the_offsets_is_found_although_every_aggregate_is_whole(evidence: Evidence) -> None:
    for each in evidence.journal.of("event"):
        each["offset"] += 5 * (each["offset"] > 2)
    assert rules(evidence) == {"the_stream_is_in_order"}


def test_a_missed_a_false_and_a_double_breach_are_found(evidence: Evidence) -> None:
    (breach,) = evidence.breaches
    for breaches in ([], [breach, {**breach, "stage": "push"}], [breach, breach]):
        evidence.breaches[:] = breaches
        assert "breached_if_and_only_if_late" in rules(evidence)


def test_two_open_assignments_of_a_team_are_found(evidence: Evidence) -> None:
    evidence.open_pairs.append((HOME, "team", 2))
    assert rules(evidence) == {"one_open_assignment_of_a_team"}


@pytest.mark.parametrize(("sort", "dead"), [("undecodable", False), ("good", True)])
def test_a_message_in_the_wrong_place_is_found(evidence: Evidence, *, sort: str, dead: bool) -> None:
    evidence.journal.add("sent", queue="dispatch.grid-tree", id="m", sort=sort, summary=None)
    evidence.dead["dispatch.grid-tree"] = {"m"} if dead else set()
    assert rules(evidence) == {"published_is_applied_or_dead"}
