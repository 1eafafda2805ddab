"""Which team should go: every team considered gets a rank or the reason why it has none."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.dispatch.domain.geo import haversine_metres
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.policy import RecommendationRules
from services.dispatch.domain.team import Team


@dataclass(frozen=True, slots=True)
class Need:
    """What an incident asks of a team.

    Teams in `refused` have refused or let an offer expire; those in `going` are on it, or on one of its duplicates.
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
    def of(cls, incident: Incident, now: datetime) -> Need:
        """What this incident asks for now."""
        here = [known for known in incident.absorbed.values() if known.cycle == incident.cycle]
        refused = incident.roster.gone(incident.cycle).union(*(known.gone for known in here))
        going = {a.team_id for a in incident.roster.open()}.union(*(a.going for a in incident.absorbed.values()))
        return cls(
            incident.lat, incident.lon, incident.centre_code, incident.required_skills, frozenset(refused),
            frozenset(going),
            incident.policy.recommendation, now,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one candidate: `rank` from 1 and why it was picked, or no rank and why not.

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


@dataclass(frozen=True, slots=True)
class _Weighed:
    team: Team
    flags: tuple[str, ...]
    distance: float | None
    eta: float | None
    cost: float


def recommend(need: Need, candidates: Iterable[Team]) -> list[Outcome]:
    """Every candidate exactly once: the fit ones ranked by what they cost, then the others by call sign.

    The first carries the reasons for which it was picked; the ranked ones behind it `ranked_lower`.
    """
    fit: list[_Weighed] = []
    unfit: list[Outcome] = []
    for team in candidates:
        weighed = _weigh(need, team)
        obstacles = _obstacles(need, team, weighed)
        if obstacles:
            unfit.append(_outcome(weighed, None, obstacles))
        else:
            fit.append(weighed)
    fit.sort(key=lambda weighed: (weighed.cost, weighed.team.call_sign, weighed.team.id))
    nearest = min((weighed.eta for weighed in fit if weighed.eta is not None), default=None)
    ranked = [
        _outcome(weighed, rank, _merits(need, weighed, rank, nearest)) for rank, weighed in enumerate(fit, start=1)
    ]
    return ranked + sorted(unfit, key=lambda outcome: (outcome.call_sign, outcome.team_id))


def _obstacles(need: Need, team: Team, weighed: _Weighed) -> tuple[str, ...]:
    rules = need.rules
    return tuple(
        reason
        for reason, holds in (
            ("out_of_service", not team.in_service),
            ("off_shift", not team.on_shift(need.now)),
            ("already_assigned", team.id in need.going),
            ("refused_already", team.id in need.refused),
            ("skill_missing", not set(need.skills) <= set(team.skills)),
            ("at_capacity", team.open_assignments >= team.capacity),
            ("outside_radius", weighed.distance is not None and weighed.distance > rules.radius_metres),
        )
        if holds
    )


def _merits(need: Need, weighed: _Weighed, rank: int, nearest: float | None) -> tuple[str, ...]:
    team = weighed.team
    merits = tuple(
        reason
        for reason, holds in (
            ("closest_eta", weighed.eta is not None and weighed.eta == nearest),
            ("has_skills", bool(need.skills)),
            ("on_shift", True),
            ("own_centre", team.centre_code == need.centre_code),
            ("idle", team.open_assignments == 0),
        )
        if holds
    )
    return merits if rank == 1 else ("ranked_lower", *merits)


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
    return _Weighed(team, ("position_stale",) if stale else (), distance, eta, cost)


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


def _outcome(weighed: _Weighed, rank: int | None, reasons: Collection[str]) -> Outcome:
    team = weighed.team
    return Outcome(
        team.id, team.call_sign, team.centre_code, rank, tuple(reasons), weighed.flags,
        None if weighed.distance is None else round(weighed.distance, 1),
        None if weighed.eta is None else round(weighed.eta, 1),
        None if rank is None else round(weighed.cost, 1), team.open_assignments,
    )  # fmt: skip
