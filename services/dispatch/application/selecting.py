"""Incidents in part: only what was asked for is looked up, and nothing else is put on the wire."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from contracts.dispatch.selection import SELECTABLE
from services.dispatch.application.access import Access
from services.dispatch.application.ports import Actor, Reading
from services.dispatch.application.queries import page_of
from services.dispatch.application.views import View, incident_view
from services.dispatch.application.withholding import shown
from services.dispatch.domain.errors import Invalid
from services.dispatch.domain.events import wire_time
from services.dispatch.domain.incident import Incident

_KNOWN = frozenset(SELECTABLE)
_STAMP = "stamps."


def select_incidents(
    reading: Reading, actor: Actor, fields: Any, filters: Mapping[str, Any], limit: int = 50, cursor: str | None = None
) -> View:
    """A page as `queries.list_incidents` gives it, each incident with the members in `fields` and no others.

    Raises Invalid for what `list_incidents` refuses, and `unknown_field` for a name that no incident has.
    """
    wanted = _checked(fields)
    access = Access(actor, reading.teams_of)
    page = page_of(reading, access, filters, limit, cursor)
    return {"incidents": _parts(reading, access, page.incidents, wanted), "next_cursor": page.next_cursor}


def _checked(fields: Any) -> tuple[str, ...]:
    if not isinstance(fields, list | tuple) or not fields:
        raise Invalid("invalid_input", "fields is a list of names", field="fields", rule="type")
    for name in fields:
        if not isinstance(name, str) or name not in _KNOWN:
            raise Invalid("unknown_field", f"an incident has no {name}", field="fields", rule="one_of")
    return tuple(dict.fromkeys(fields))


def _parts(reading: Reading, access: Access, incidents: Sequence[Incident], wanted: Collection[str]) -> list[View]:
    ids = [each.id for each in incidents]
    heads = reading.chain_heads(ids) if "chain" in wanted else {}
    under = reading.duplicate_ids(ids) if "duplicates" in wanted else {}
    teams = {assignment.team_id for each in incidents for assignment in each.assignments}
    signs = reading.call_signs(teams) if "assignments" in wanted and teams else {}
    return [
        _cut(
            each,
            shown(
                access,
                each,
                incident_view(each, chain=heads.get(each.id, b""), call_signs=signs, duplicates=under.get(each.id, ())),
            ),
            wanted,
        )
        for each in incidents
    ]


def _cut(incident: Incident, view: View, wanted: Collection[str]) -> View:
    whole = {**view, **_first_times(incident)}
    cut = {name: whole[name] for name in wanted if name in whole}
    if withheld := [name for name in view.get("withheld", ()) if name in wanted]:
        cut["withheld"] = withheld
    stages = {name.removeprefix(_STAMP) for name in wanted if name.startswith(_STAMP)}
    if stages and "stamps" not in cut:
        cut["stamps"] = {stage: stamp for stage, stamp in view["stamps"].items() if stage in stages}
    return cut


def _first_times(incident: Incident) -> View:
    return {
        "first_assigned_at": _time(incident.first_assigned_at),
        "first_departed_at": _time(incident.first_departed_at),
        "first_on_scene_at": _time(incident.first_on_scene_at),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else wire_time(moment)
