"""Stamps, clocks and the other small records of an aggregate, to JSON and back.

Out: orjson writes data classes itself, in C (see `bulk`). In: written out by hand, because this runs for every record of every
incident of every batch, and a generic mapper costs ten times as much.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.dispatch.domain.clocks import Breach, Clock
from services.dispatch.domain.incident import Absorbed, MergeLink, Note
from services.dispatch.domain.stamps import Correction, PastStamp, Stamp
from services.dispatch.domain.states import IncidentState
from services.dispatch.domain.team import Member, Shift

_moment = datetime.fromisoformat
Json = Mapping[str, Any]


def moment(text: str | None) -> datetime | None:
    """A time that may be absent."""
    return None if text is None else _moment(text)


def stamp(raw: Json) -> Stamp:
    """One stamp with its corrections."""
    return Stamp(
        _moment(raw["occurred_at"]),
        _moment(raw["recorded_at"]),
        raw["by"],
        raw["source"],
        tuple(raw["flags"]),
        [_correction(each) for each in raw["corrections"]] if raw["corrections"] else [],
    )


def _correction(raw: Json) -> Correction:
    return Correction(_moment(raw["occurred_at"]), _moment(raw["recorded_at"]), raw["by"], raw["why"])


def stamps(raw: Json) -> dict[str, Stamp]:
    """Stage → stamp."""
    return {stage: stamp(each) for stage, each in raw.items()}


def past_stamps(raw: Iterable[Json]) -> list[PastStamp]:
    """Stamps of earlier cycles."""
    return [PastStamp(each["cycle"], each["stage"], stamp(each["stamp"])) for each in raw]


def clock(raw: Json) -> Clock:
    """One clock, with its breach if it has one."""
    fields = dict(raw)
    for name in ("started_at", "due_at", "warn_at"):
        fields[name] = _moment(fields[name])
    for name in ("met_at", "stopped_at", "warned_at"):
        if fields[name] is not None:
            fields[name] = _moment(fields[name])
    if fields["breach"] is not None:
        fields["breach"] = breach(fields["breach"])
    return Clock(**fields)


def breach(raw: Json) -> Breach:
    """The record of a missed target."""
    fields = dict(raw)
    for name in ("due_at", "recorded_at"):
        fields[name] = _moment(fields[name])
    fields["withdrawn_at"] = moment(fields["withdrawn_at"])
    return Breach(**fields)


def notes(raw: Iterable[Json]) -> list[Note]:
    """Remarks, oldest first."""
    return [Note(_moment(each["at"]), each["by"], each["about"], each["text"]) for each in raw]


def merge(raw: Json | None) -> MergeLink | None:
    """The link of a merged duplicate."""
    if raw is None:
        return None
    fields = dict(raw)
    fields["parent_id"], fields["root_id"] = UUID(fields["parent_id"]), UUID(fields["root_id"])
    fields["merged_at"] = _moment(fields["merged_at"])
    fields["state_before"] = IncidentState(fields["state_before"])
    fields["stopped_clocks"] = tuple((stage, generation) for stage, generation in fields["stopped_clocks"])
    return MergeLink(**fields)


def absorbed(raw: Json) -> dict[UUID, Absorbed]:
    """What a root knows of its duplicates."""
    found = {}
    for key, each in raw.items():
        fields = dict(each)
        fields["first_assigned_at"] = moment(fields["first_assigned_at"])
        fields["first_on_scene_at"] = moment(fields["first_on_scene_at"])
        fields["reach"] = IncidentState(fields["reach"])
        found[UUID(key)] = Absorbed(**fields)
    return found


def members(raw: Iterable[Json]) -> tuple[Member, ...]:
    """The crew of a team."""
    return tuple(Member(**each) for each in raw)


def shifts(raw: Iterable[Json]) -> tuple[Shift, ...]:
    """The duty list of a team."""
    return tuple(Shift(_moment(each["starts_at"]), _moment(each["ends_at"])) for each in raw)
