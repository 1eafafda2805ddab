"""Views of incidents and teams as dispatch tells them, checked against the contract, and strategies that vary them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from contracts.answers import dump_answer
from contracts.dispatch import codes
from contracts.names import incident_event

INCIDENT_ID = "0190a0c2-7e1a-7000-8000-0000000000aa"
OTHER_ID = "0190a0c2-7e1a-7000-8000-0000000000ab"
DUPLICATE_ID = "0190a0c2-7e1a-7000-8000-0000000000ac"
ASSIGNMENT_ID = "0190a0c2-7e1a-7000-8000-0000000000bb"
TEAM_ID = "0190a0c2-7e1a-7000-8000-0000000000cc"
GRID = "99999900100100101"
CATEGORIES = st.sampled_from(sorted(codes.CATEGORIES))


def moment(second: int) -> str:
    """A wire time `second` seconds after a fixed start, 11:00 in Beijing."""
    return f"2026-01-02T03:{second // 60:02d}:{second % 60:02d}.250000Z"


def stamp(second: int) -> dict[str, Any]:
    """One stage, told at once."""
    return {"occurred_at": moment(second), "recorded_at": moment(second), "by": "dev", "source": "police",
            "flags": [], "corrections": []}  # fmt: skip


def timeline(*facts: str) -> list[dict[str, Any]]:
    """A chain of facts ten seconds apart, `received` at its head."""
    return [
        {"seq": seq, "type": incident_event(fact), "occurred_at": moment(seq * 10), "recorded_at": moment(seq * 10),
         "by": "dev", "body": {}, "hash": "0" * 64}
        for seq, fact in enumerate(("received", *facts), 1)
    ]  # fmt: skip


def assignment(state: str = "en_route", team_id: str = TEAM_ID) -> dict[str, Any]:
    """One team on the incident."""
    return {"assignment_id": ASSIGNMENT_ID, "team_id": team_id, "state": state, "attempt": 1, "auto": True,
            "call_sign": "E39", "centre_code": "C-999999001", "answer_due_at": None, "reason": None,
            "stamps": {"assigned": stamp(30)}}  # fmt: skip


def team(**changes: Any) -> dict[str, Any]:
    """A medical team that is busy."""
    view = {
        "team_id": TEAM_ID, "version": 1, "call_sign": "E39", "name_zh": "演示急救一组", "name_en": None,
        "kind": "medical", "centre_code": "C-999999001", "skills": ["medical", "dialect"], "capacity": 1,
        "members": [{"role": "lead", "reference": "p-0001", "stand_in": None, "absent": False}],
        "base": None, "position": None, "always_on": True, "in_service": True, "on_shift": True, "available": False,
        "shifts": [], "open_assignments": [], **changes,
    }  # fmt: skip
    return dump_answer("dispatch.get_team", view)


def incident(**changes: Any) -> dict[str, Any]:
    """A gas leak with a team under way and a caller whose number is known."""
    view: dict[str, Any] = {
        "incident_id": INCIDENT_ID, "version": 3, "state": "en_route",
        "reference": {"system": "police110", "number": "2026010200017"}, "source": "police", "category": "gas_leak",
        "priority": 1, "alarm_level": 1, "summary": "演示小区3号楼有燃气味", "lat": 29.0801, "lon": 119.6474,
        "grid_code": GRID, "address": "示例路1号", "masked_phone": "000****0000", "has_contact": True,
        "centre_code": "C-999999001", "level": "community", "policy": "115", "policy_version": 1, "exercise": False,
        "backfill": False, "flags": [], "merged_into": None, "duplicates": [], "outcome": None, "disposition": None,
        "stamps": {"received": stamp(10), "pushed": stamp(20)}, "clocks": [], "assignments": [assignment()],
        "chain": "0" * 64, "timeline": timeline("pushed", "assigned"), **changes,
    }  # fmt: skip
    category = codes.CATEGORIES[view["category"]]
    named = {"category_zh": category.zh, "category_en": category.en, "kind": category.kind, "apco": category.apco}
    return dump_answer("dispatch.get_incident", {**view, **named})


def words(most: int) -> st.SearchStrategy[str]:
    """What the contract lets through as text: everything but control characters and halves of a surrogate pair."""
    return st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=most)


@st.composite
def incidents(draw: st.DrawFn, category: st.SearchStrategy[str] = CATEGORIES) -> dict[str, Any]:
    """Any incident the contract allows, as far as the published formats look at it."""
    point = draw(st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180)))
    facts = draw(
        st.lists(st.sampled_from(["pushed", "arrived", "resolved", "reopened", "closed", "merged"]), max_size=6)
    )
    return incident(
        category=draw(category),
        state=draw(st.sampled_from(sorted(codes.STATES))),
        priority=draw(st.sampled_from(codes.PRIORITIES)),
        summary=draw(st.none() | words(200)),
        address=draw(st.none() | words(50)),
        lat=point[0] if point else None,
        lon=point[1] if point else None,
        grid_code=draw(st.none() | st.just(GRID)),
        centre_code=draw(st.none() | st.just("C-999999001")),
        exercise=draw(st.booleans()),
        reference=draw(st.none() | st.just({"system": "police110", "number": "17"})),
        disposition=draw(st.none() | st.sampled_from(sorted(codes.DISPOSITIONS))),
        merged_into=draw(st.none() | st.just(OTHER_ID)),
        duplicates=draw(st.lists(st.just(DUPLICATE_ID), max_size=1)),
        assignments=draw(st.lists(st.sampled_from(sorted(codes.ASSIGNMENT_STATES)).map(assignment), max_size=3)),
        timeline=timeline(*facts),
    )
