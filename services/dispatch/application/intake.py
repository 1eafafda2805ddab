"""Taking incidents in: where it is, what it is, whether we know it already, who answers for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol

from contracts.dispatch import codes
from services.dispatch.application.context import Command, Context, Result, told
from services.dispatch.application.ports import DuplicateQuery, Places
from services.dispatch.domain import desk, duplicates, intake
from services.dispatch.domain.errors import Conflict, Invalid
from services.dispatch.domain.events import wire_time
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.policy import Matter
from services.dispatch.domain.routing import LOCATION_UNRESOLVED
from services.dispatch.domain.stamps import Report, is_backfill

_SHOWN = 10


class Neighbourhood(Protocol):
    """Where likely duplicates are looked for: the incidents of a unit of work, or a reading."""

    def near(self, query: DuplicateQuery) -> list[Incident]: ...


def create(context: Context, command: Command) -> Result:
    """Take an incident in, and push it when asked to.

    Raises Conflict `reference_taken`, `likely_duplicate` (when the caller wants no second one), `no_centre`; Invalid
    `unknown_grid`, `stamp_in_future`.
    """
    data, report, uow = command["data"], context.report(command), context.uow
    _refuse_known_reference(context, data.get("reference"))
    draft = draft_of(data, uow.places)
    policy = uow.policies.choose(_matter(draft), uow.now)
    alike: list[dict[str, Any]] = []
    if data["on_likely_duplicate"] == "refuse" or not is_backfill(report, policy.stamp_rules):
        alike = likely_duplicates(draft, report, uow.incidents)
    if alike and data["on_likely_duplicate"] == "refuse":
        raise Conflict(
            "likely_duplicate", "open incidents look like the same one", field="data", rule="on_likely_duplicate",
            likely_duplicates=alike,
        )  # fmt: skip
    route = context.desks.route(draft.grid_code) if data["push"] else None
    incident = intake.receive(uow.new_id(), draft, policy, report)
    if route is not None:
        desk.push(incident, route, report)
    uow.incidents.add(incident)
    if data.get("caller"):
        uow.contacts.seal(incident.id, data["caller"])
    more: Result = {"flags": list(incident.flags)} if incident.flags else {}
    if alike:
        more["likely_duplicates"] = alike
    return told(incident, **more)


def draft_of(data: Mapping[str, Any], places: Places) -> intake.Draft:
    """What the data of `incident.create` says, with its place looked up. Raises Invalid `unknown_grid`."""
    category = codes.CATEGORIES[data["category"]]
    location: Mapping[str, Any] = data.get("location") or {}
    grid_code, flags = _place(location, places)
    reference, caller = data.get("reference"), data.get("caller")
    root = places.tree.root()
    return intake.Draft(
        source=data["source"], category=category.code, kind=category.kind,
        priority=data.get("priority") or category.priority, alarm_level=data["alarm_level"], exercise=data["exercise"],
        lat=location.get("lat"), lon=location.get("lon"), grid_code=grid_code,
        jurisdiction=grid_code or (root.code if root else ""), address=location.get("address", ""),
        summary=data.get("summary", ""), reference=(reference["system"], reference["number"]) if reference else None,
        required_skills=category.skills, has_contact=bool(caller), masked_phone=mask(caller.get("phone")) if caller else
        None, flags=flags,
    )  # fmt: skip


def likely_duplicates(draft: intake.Draft, report: Report, neighbourhood: Neighbourhood) -> list[dict[str, Any]]:
    """Open incidents that look like the draft, likeliest first, with what speaks for it."""
    window = timedelta(seconds=duplicates.WINDOW_SECONDS)
    here = duplicates.Sighting(
        draft.lat, draft.lon, draft.grid_code, report.occurred_at, draft.category, draft.kind,
        f"{draft.summary} {draft.address}",
    )  # fmt: skip
    query = DuplicateQuery(
        draft.lat, draft.lon, draft.grid_code, duplicates.RADIUS_METRES, report.occurred_at - window,
        report.occurred_at + window, draft.exercise,
    )  # fmt: skip
    found = []
    for other in neighbourhood.near(query):
        there = duplicates.Sighting(
            other.lat, other.lon, other.grid_code, other.received_at, other.category, other.kind,
            f"{other.summary} {other.address}",
        )  # fmt: skip
        likeness = duplicates.compare(here, there)
        if likeness.likely:
            found.append(_shown(other, likeness, abs((report.occurred_at - other.received_at).total_seconds())))
    return sorted(found, key=lambda one: (-one["score"], one["incident_id"]))[:_SHOWN]


def mask(phone: str | None) -> str | None:
    """A telephone number with only its last two digits left."""
    return None if not phone else "*" * max(len(phone) - 2, 0) + phone[-2:]


def _shown(other: Incident, likeness: duplicates.Likeness, seconds_apart: float) -> dict[str, Any]:
    reasons = [
        reason
        for reason, holds in (
            ("near", (likeness.distance or 0) >= 0.5), ("same_time", likeness.time >= 0.5),
            ("same_category", likeness.category == 1.0), ("same_kind", likeness.category == 0.5),
            ("similar_text", (likeness.text or 0) >= 0.3),
        )
        if holds
    ]  # fmt: skip
    return {
        "incident_id": str(other.id), "score": likeness.score, "distance_m": likeness.metres,
        "seconds_apart": seconds_apart, "reasons": reasons, "state": other.state.value,
    }  # fmt: skip


def _place(location: Mapping[str, Any], places: Places) -> tuple[str | None, tuple[str, ...]]:
    """The lowest grid that the location tells, and what is odd about it."""
    given = location.get("grid_code")
    if given is not None and places.tree.get(given) is None:
        raise Invalid("unknown_grid", f"there is no grid {given}", field="data.location.grid_code", rule="known_grid")
    found = places.locate(location["lat"], location["lon"]) if "lat" in location else None
    if given is None:
        return found, () if found else (LOCATION_UNRESOLVED,)
    if found is None or found.startswith(given):
        return found or given, ()
    # Who names a grid knows the ground; the point may be where the caller stands.
    return given, ("location_mismatch",)


def _matter(draft: intake.Draft) -> Matter:
    return Matter(draft.source, draft.kind, draft.category, draft.priority, draft.jurisdiction)


def _refuse_known_reference(context: Context, reference: Mapping[str, str] | None) -> None:
    if reference is None:
        return
    known = context.uow.incidents.by_reference(reference["system"], reference["number"])
    if known is not None:
        raise Conflict(
            "reference_taken", "this number is an incident already", field="data.reference", rule="unique",
            incident_id=str(known.id), received_at=wire_time(known.received_at),
        )  # fmt: skip
