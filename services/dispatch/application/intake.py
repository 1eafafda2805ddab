"""Taking incidents in: where it is, what it is, whether we know it already, who answers for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol

from contracts.dispatch import codes
from services.dispatch.application.access import SEE, Access
from services.dispatch.application.context import Command, Context, Result, told
from services.dispatch.application.ports import DuplicateQuery, Neighbour, Places
from services.dispatch.domain import desk, duplicates, intake
from services.dispatch.domain.errors import Conflict, Invalid, Refusal
from services.dispatch.domain.events import wire_time
from services.dispatch.domain.policy import Matter, SlaPolicy
from services.dispatch.domain.routing import LOCATION_UNRESOLVED
from services.dispatch.domain.stamps import Report, is_backfill

_SHOWN = 10
_COMPARE = "incident.compare"


class Neighbourhood(Protocol):
    """Where likely duplicates are looked for: the incidents of a unit of work, or a reading."""

    def near(self, query: DuplicateQuery) -> list[Neighbour]: ...


class Seen:
    """A neighbourhood as an actor may see it: what lies outside is no reason to tell of it."""

    def __init__(self, neighbourhood: Neighbourhood, access: Access) -> None:
        self._neighbourhood = neighbourhood
        self._access = access

    def near(self, query: DuplicateQuery) -> list[Neighbour]:
        """Those of the neighbours that the actor may compare with."""
        found = self._neighbourhood.near(query)
        return [each for each in found if self._access.reaches_place(_COMPARE, each.sighting.grid_code or "")]


def create(context: Context, command: Command) -> Result:
    """Take an incident in, and push it when asked to.

    Raises Conflict `reference_taken`, `likely_duplicate` (when the caller wants no second one), `no_centre`; Invalid
    `unknown_grid`, `stamp_in_future`.
    """
    data, report, uow = command["data"], context.report(command), context.uow
    draft, policy = _read(context, command)
    context.access.permit_place(command["command"], draft.grid_code)
    _refuse_known_reference(context, data.get("reference"))
    alike: list[dict[str, Any]] = []
    if _is_compared(data, report, policy):
        alike = likely_duplicates(draft, report, Seen(uow.incidents, context.access))
    if alike and data["on_likely_duplicate"] == "refuse":
        raise Conflict(
            "likely_duplicate", "open incidents look like the same one", field="data", rule="on_likely_duplicate",
            likely_duplicates=alike,
        )  # fmt: skip
    route = context.desks.route(draft.grid_code) if data["push"] else None
    incident = intake.receive(uow.new_id(), draft, policy, report)
    if route is not None:
        desk.push(incident, route, _pushing(report))
    uow.incidents.add(incident)
    if data.get("caller"):
        uow.contacts.seal(incident.id, data["caller"])
    more: Result = {"flags": list(incident.flags)} if incident.flags else {}
    if alike:
        more["likely_duplicates"] = alike
    return told(incident, **more)


def _pushing(report: Report) -> Report:
    """The report of the push beside the intake: what waited in a store was received then, but is pushed only now."""
    return report if report.taken_at is None else replace(report, occurred_at=report.recorded_at)


def duplicate_query(context: Context, command: Command) -> DuplicateQuery | None:
    """Where `create` will look for duplicates; None when it will not, or will refuse the command."""
    report = context.report(command)
    try:
        draft, policy = _read(context, command)
    except Refusal:
        return None
    return _window(draft, report) if _is_compared(command["data"], report, policy) else None


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
    """Open incidents that look like the draft, with what speaks for it.

    Those that others stand under come first, for a report is merged into them; then the likeliest.
    """
    here = duplicates.Sighting(
        draft.lat, draft.lon, draft.grid_code, report.occurred_at, draft.category, draft.kind,
        f"{draft.summary} {draft.address}",
    )  # fmt: skip
    found = []
    for other in neighbourhood.near(_window(draft, report)):
        likeness = duplicates.compare(here, other.sighting)
        if likeness.likely:
            found.append(_shown(other, likeness, abs((report.occurred_at - other.sighting.at).total_seconds())))
    return sorted(found, key=lambda one: (not one["primary"], -one["score"], one["incident_id"]))[:_SHOWN]


def _window(draft: intake.Draft, report: Report) -> DuplicateQuery:
    window = timedelta(seconds=duplicates.WINDOW_SECONDS)
    return DuplicateQuery(
        draft.lat, draft.lon, draft.grid_code, duplicates.RADIUS_METRES, report.occurred_at - window,
        report.occurred_at + window, draft.exercise,
    )  # fmt: skip


def _read(context: Context, command: Command) -> tuple[intake.Draft, SlaPolicy]:
    """The draft with its policy, read once a command. Raises Invalid `unknown_grid`."""
    known = context.drafts.get(id(command))
    if known is None:
        draft = draft_of(command["data"], context.uow.places)
        known = context.drafts[id(command)] = (draft, context.uow.policies.choose(_matter(draft), context.uow.now))
    return known


def _is_compared(data: Mapping[str, Any], report: Report, policy: SlaPolicy) -> bool:
    return bool(data["on_likely_duplicate"] == "refuse") or not is_backfill(report, policy.stamp_rules)


def mask(phone: str | None) -> str | None:
    """A telephone number with only its last two digits left."""
    return None if not phone else "*" * max(len(phone) - 2, 0) + phone[-2:]


def _shown(other: Neighbour, likeness: duplicates.Likeness, seconds_apart: float) -> dict[str, Any]:
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
        "incident_id": str(other.incident_id), "score": likeness.score, "distance_m": likeness.metres,
        "seconds_apart": seconds_apart, "reasons": reasons, "state": other.state,
        "primary": other.primary,
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
        told = {"incident_id": str(known.id), "received_at": wire_time(known.received_at)}
        raise Conflict(
            "reference_taken", "this number is an incident already", field="data.reference", rule="unique",
            **(told if context.access.reaches(SEE, known) else {}),
        )  # fmt: skip
