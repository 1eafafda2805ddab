"""Stamps, clocks and the other small records of an aggregate, to JSON and back.

Stamps and clocks are lists in the order of their data class's fields, so new fields go to the end and have a default.
As objects they were twice as long and took four times as long to read back (measured: three clocks 32 µs against
8 µs), and this runs for every incident of every batch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import orjson

from services.dispatch.domain.absorbed import Absorbed, MergeLink, Revival
from services.dispatch.domain.clocks import Breach, Clock
from services.dispatch.domain.incident import Note
from services.dispatch.domain.stamps import Correction, PastStamp, Stamp
from services.dispatch.domain.states import IncidentState
from services.dispatch.domain.team import Member, Shift

_moment = datetime.fromisoformat
Json = Mapping[str, Any]

# Beside the rest: the release before takes every member of what it finds there for a field of its own.
_BESIDE = "brings"
_ABSORBED = [each.name for each in fields(Absorbed) if each.name != _BESIDE]
_STAMP = attrgetter(*(each.name for each in fields(Stamp)))
_CLOCK_FIELDS = [each.name for each in fields(Clock)]
_CLOCK = attrgetter(*_CLOCK_FIELDS)
_CLOCK_MOMENTS = [at for at, name in enumerate(_CLOCK_FIELDS) if name.endswith("_at")]
_CLOCK_BREACH = _CLOCK_FIELDS.index("breach")


def moment(text: str | None) -> datetime | None:
    """A time that may be absent."""
    return None if text is None else _moment(text)


def stamps_json(stamps: Mapping[str, Stamp]) -> bytes:
    """Stage → stamp, each as a list."""
    return orjson.dumps({stage: _STAMP(each) for stage, each in stamps.items()})


def stamps(text: str) -> dict[str, Stamp]:
    """The reverse of `stamps_json`."""
    return {stage: _stamp(each) for stage, each in orjson.loads(text).items()}


def _stamp(raw: list[Any]) -> Stamp:
    occurred_at, recorded_at, by, source, flags, corrections = raw
    return Stamp(
        _moment(occurred_at),
        _moment(recorded_at),
        by,
        source,
        tuple(flags),
        [_correction(each) for each in corrections],
    )


def _correction(raw: Json) -> Correction:
    return Correction(_moment(raw["occurred_at"]), _moment(raw["recorded_at"]), raw["by"], raw["why"])


def past_stamp_lists(past: Iterable[PastStamp]) -> list[tuple[Any, ...]]:
    """Stamps of earlier cycles, for the facts."""
    return [(each.cycle, each.stage, _STAMP(each.stamp)) for each in past]


def past_stamps(raw: Iterable[list[Any]]) -> list[PastStamp]:
    """The reverse of `past_stamp_lists`."""
    return [PastStamp(cycle, stage, _stamp(each)) for cycle, stage, each in raw]


def clocks_json(clocks: Iterable[Clock]) -> bytes:
    """Clocks, each as a list."""
    return orjson.dumps([_CLOCK(each) for each in clocks])


def clocks(text: str) -> list[Clock]:
    """The reverse of `clocks_json`."""
    return [_clock(each) for each in orjson.loads(text)]


def _clock(raw: list[Any]) -> Clock:
    for at in _CLOCK_MOMENTS:
        if raw[at] is not None:
            raw[at] = _moment(raw[at])
    if raw[_CLOCK_BREACH] is not None:
        raw[_CLOCK_BREACH] = breach(raw[_CLOCK_BREACH])
    return Clock(*raw)


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


def absorbed_objects(known: Mapping[UUID, Absorbed]) -> dict[str, dict[str, Any]]:
    """What a root knows of its duplicates, without what their teams bring, for the facts."""
    return {str(key): {name: getattr(each, name) for name in _ABSORBED} for key, each in known.items()}


def absorbed(raw: Json, brings: Json) -> dict[UUID, Absorbed]:
    """The reverse of `absorbed_objects`; `brings` by the duplicate's id, which the release before leaves out."""
    found = {}
    for key, each in raw.items():
        fields = dict(each)
        fields["first_assigned_at"] = moment(fields["first_assigned_at"])
        fields["first_on_scene_at"] = moment(fields["first_on_scene_at"])
        fields["reach"] = IncidentState(fields["reach"])
        fields["revivals"] = tuple(
            Revival(**(revival | {"at": _moment(revival["at"])})) for revival in fields.get("revivals", ())
        )
        for name in ("going", "gone"):
            fields[name] = tuple(UUID(team) for team in fields.get(name, ()))
        brought = brings.get(key, None if fields["going"] else ())
        fields[_BESIDE] = None if brought is None else tuple(brought)
        found[UUID(key)] = Absorbed(**fields)
    return found


def members(raw: Iterable[Json]) -> tuple[Member, ...]:
    """The crew of a team."""
    return tuple(Member(**each) for each in raw)


def shifts(raw: Iterable[Json]) -> tuple[Shift, ...]:
    """The duty list of a team."""
    return tuple(Shift(_moment(each["starts_at"]), _moment(each["ends_at"])) for each in raw)
