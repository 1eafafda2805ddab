"""Which teams should go: every team considered gets a rank or the reason why it has none."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.dispatch.domain.covering import Able, cover
from services.dispatch.domain.geo import haversine_metres
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.policy import RecommendationRules
from services.dispatch.domain.skills import lacking
from services.dispatch.domain.team import Team

NEAR_METRES = 5_000.0
"""Teams within it are weighed first, alone. A county of a million has some thirty patrols there, and five hundred."""


@dataclass(frozen=True, slots=True)
class Need:
    """What an incident asks of teams.

    One that brings a part of `skills` is fit; where there are none, any team is. Teams in `refused` have refused or let
    an offer expire; those in `going` are on it, or on one of its duplicates.
    """

    lat: float | None
    lon: float | None
    centre_code: str | None
    skills: tuple[str, ...]
    refused: frozenset[UUID]
    going: frozenset[UUID]
    rules: RecommendationRules
    now: datetime

    @classmethod
    def of(cls, incident: Incident, now: datetime, skills: tuple[str, ...] = ()) -> Need:
        """What this incident asks for now: `skills`; else what nobody brings yet; else all of it once more."""
        here = [known for known in incident.absorbed.values() if known.cycle == incident.cycle]
        refused = incident.roster.gone(incident.cycle).union(*(known.gone for known in here))
        going = {a.team_id for a in incident.roster.open()}.union(*(a.going for a in incident.absorbed.values()))
        return cls(
            incident.lat, incident.lon, incident.centre_code,
            skills or lacking(incident) or incident.required_skills, frozenset(refused), frozenset(going),
            incident.policy.recommendation, now,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one candidate: `rank` from 1 and what speaks for it, or no rank and why not.

    `chosen` are those that should go, together. Of the skills asked for, the team `brings` some and `lacks` others.
    `eta_seconds` and `distance_metres` are None when nobody knows where the team or the incident is; `cost_seconds` is
    the ETA with its penalties, by which teams are ranked.
    """

    team_id: UUID
    call_sign: str
    centre_code: str
    rank: int | None
    reasons: tuple[str, ...]
    flags: tuple[str, ...] = ()
    distance_metres: float | None = None
    eta_seconds: float | None = None
    cost_seconds: float | None = None
    open_assignments: int = 0
    chosen: bool = False
    brings: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


_ROUNDED_SECONDS = 0.1
"""Costs of outcomes are told to a tenth."""


@dataclass(frozen=True, slots=True)
class _Weighed:
    team: Team
    brings: tuple[str, ...]
    lacks: tuple[str, ...]
    flags: tuple[str, ...]
    distance: float | None
    eta: float | None
    cost: float


def recommend(need: Need, candidates: Iterable[Team]) -> list[Outcome]:
    """Every candidate exactly once: those that should go, the other fit ones, both by what they cost, then the rest.

    The chosen carry the reasons that speak for them; the ranked ones behind them `ranked_lower` before these. The
    unfit follow by call sign.
    """
    fit: list[_Weighed] = []
    unfit: list[Outcome] = []
    for team in candidates:
        weighed = _weigh(need, team)
        obstacles = _obstacles(need, team, weighed)
        if obstacles:
            unfit.append(_outcome(weighed, obstacles))
        else:
            fit.append(weighed)
    chosen = {able.team_id for able in cover(need.skills, (_able(weighed) for weighed in fit))}
    fit.sort(key=lambda each: (each.team.id not in chosen, each.cost, each.team.call_sign, each.team.id))
    closest = _closest(need, fit)
    ranked = [
        _outcome(each, _merits(need, each, closest, chosen), rank, chosen=each.team.id in chosen)
        for rank, each in enumerate(fit, start=1)
    ]
    return ranked + sorted(unfit, key=lambda outcome: (outcome.call_sign, outcome.team_id))


def is_settled(need: Need, ranked: Iterable[Outcome], metres: float) -> bool:
    """Whether nobody farther away than this could be chosen as well, or instead; `ranked` are all who are not.

    The way alone costs those more than it costs the chosen to be there, and all that is asked for is brought: `cover`
    looks at nobody who costs more than the last of them.
    """
    rules, chosen = need.rules, [outcome for outcome in ranked if outcome.chosen]
    farther = metres * rules.detour / max(rules.default_speed, *rules.speeds.values(), 0.0)
    brought = {skill for outcome in chosen for skill in outcome.brings}
    costs = [outcome.cost_seconds or 0.0 for outcome in chosen]
    return bool(costs) and brought >= set(need.skills) and max(costs) + _ROUNDED_SECONDS < farther


def _obstacles(need: Need, team: Team, weighed: _Weighed) -> tuple[str, ...]:
    rules = need.rules
    return tuple(
        reason
        for reason, holds in (
            ("out_of_service", not team.in_service),
            ("off_shift", not team.on_shift(need.now)),
            ("already_assigned", team.id in need.going),
            ("refused_already", team.id in need.refused),
            ("skill_missing", bool(need.skills) and not weighed.brings),
            ("at_capacity", team.open_assignments >= team.capacity),
            ("outside_radius", weighed.distance is not None and weighed.distance > rules.radius_metres),
        )
        if holds
    )


def _able(weighed: _Weighed) -> Able:
    return Able(weighed.cost, weighed.team.call_sign, weighed.team.id, frozenset(weighed.brings))


def _closest(need: Need, fit: Collection[_Weighed]) -> set[UUID]:
    """Who brings one of the skills asked for with the shortest ETA; of all when none is asked for."""
    of_each = [[each for each in fit if skill in each.brings] for skill in need.skills] or [list(fit)]
    closest: set[UUID] = set()
    for able in of_each:
        shortest = min((each.eta for each in able if each.eta is not None), default=None)
        closest.update(each.team.id for each in able if each.eta is not None and each.eta == shortest)
    return closest


def _merits(need: Need, weighed: _Weighed, closest: Collection[UUID], chosen: Collection[UUID]) -> tuple[str, ...]:
    team = weighed.team
    merits = tuple(
        reason
        for reason, holds in (
            ("closest_eta", team.id in closest),
            ("has_skills", bool(need.skills) and not weighed.lacks),
            ("on_shift", True),
            ("own_centre", team.centre_code == need.centre_code),
            ("idle", team.open_assignments == 0),
        )
        if holds
    )
    return merits if team.id in chosen else ("ranked_lower", *merits)


def _weigh(need: Need, team: Team) -> _Weighed:
    rules = need.rules
    lat, lon, stale = _whereabouts(team, need.now, rules.stale_after_seconds)
    distance = eta = None
    cost = 0.0
    if need.lat is not None and need.lon is not None and lat is not None and lon is not None:
        distance = haversine_metres(need.lat, need.lon, lat, lon)
        eta = distance * rules.detour / rules.speeds.get(team.kind, rules.default_speed)
        cost = eta
    elif need.lat is not None:
        # Nobody knows where this team is: it comes after every team within the radius.
        cost = rules.radius_metres * rules.detour / rules.default_speed
    cost += rules.stale_penalty_seconds if stale else 0.0
    cost += rules.other_centre_penalty_seconds if team.centre_code != need.centre_code else 0.0
    cost += rules.busy_penalty_seconds * team.open_assignments
    brings = tuple(skill for skill in need.skills if skill in team.skills)
    lacks = tuple(skill for skill in need.skills if skill not in team.skills)
    return _Weighed(team, brings, lacks, ("position_stale",) if stale else (), distance, eta, cost)


def _whereabouts(team: Team, now: datetime, stale_after: float) -> tuple[float | None, float | None, bool]:
    """Where the team is taken to be, and whether that is because its last fix is too old."""
    position = team.position
    if position is None:
        return team.base_lat, team.base_lon, False
    if (now - position.at).total_seconds() <= stale_after:
        return position.lat, position.lon, False
    if team.base_lat is None or team.base_lon is None:
        return position.lat, position.lon, True
    return team.base_lat, team.base_lon, True


def _outcome(weighed: _Weighed, reasons: Collection[str], rank: int | None = None, *, chosen: bool = False) -> Outcome:
    team = weighed.team
    return Outcome(
        team.id, team.call_sign, team.centre_code, rank, tuple(reasons), weighed.flags,
        None if weighed.distance is None else round(weighed.distance, 1),
        None if weighed.eta is None else round(weighed.eta, 1),
        None if rank is None else round(weighed.cost, 1), team.open_assignments,
        chosen, weighed.brings, weighed.lacks,
    )  # fmt: skip
