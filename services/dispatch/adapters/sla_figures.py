"""The 115 figures in SQL: counts, how many within their own policy's target, continuous percentiles.

Intervals run between effective times. Those of an incident use the first of a stage over all its assignments; turnout
and travel belong to the assignment (NFPA 1710). By team, an incident counts for every team that was on it, with that
team's own assignment and arrival. A merged duplicate is counted through the incident it stands under.
"""

from typing import Any

from sqlalchemy import Connection

from services.dispatch.adapters import bulk, narrowing
from services.dispatch.application.ports import Figures, Filters, Group

# p50, p90, p95, p99; percentile_cont interpolates linearly, as the published figures of the field do.
SHARES = (0.5, 0.9, 0.95, 0.99)
DECIMALS = 3

# Grouping → the SQL of its key. A code's prefix of 9, 12, 15 digits is its town, community, grid.
KEYS = {
    "total": "'total'",
    "town": "left(i.jurisdiction, 9)",
    "community": "left(i.jurisdiction, 12)",
    "grid": "left(i.jurisdiction, 15)",
    "category": "i.category",
    "priority": "i.priority::text",
    "centre": "coalesce(i.centre_code, '')",
    "team": "coalesce(t.call_sign, a.team_id::text)",
    "hour": "to_char(i.received_at AT TIME ZONE %(timezone)s, 'HH24')",
}
_TEAM_JOIN = """
JOIN (
    SELECT incident_id, a.team_id, min(a.assigned_at) AS assigned_at, min(a.arrived_at) AS arrived_at
    FROM assignment a JOIN incident i USING (incident_id) {where} GROUP BY incident_id, a.team_id
) a USING (incident_id)
LEFT JOIN team t USING (team_id)
"""
_CHOSEN = """
WITH chosen AS (
    SELECT {key} AS key, i.incident_id, i.state, i.received_at, i.pushed_at,
           {assigned} AS assigned_at, {on_scene} AS on_scene_at, {team} AS team_id, p.rules
    FROM incident i JOIN sla_policy p ON p.policy_id = i.policy_id AND p.version = i.policy_version {join}
    {where}
)
"""
_INTERVALS = """
, span AS (
    SELECT c.key, v.name, extract(epoch FROM v.ended - v.started)::double precision AS seconds, v.target
    FROM chosen c CROSS JOIN LATERAL (VALUES
        ('push', c.received_at, c.pushed_at, {target_push}),
        ('assign', c.pushed_at, c.assigned_at, {target_assign}),
        ('arrive', c.assigned_at, c.on_scene_at, {target_arrive}),
        ('total', c.received_at, c.on_scene_at, {target_total}),
        ('alarm_handling', c.received_at, c.assigned_at, {target_alarm_handling}),
        ('total_response', c.received_at, c.on_scene_at, {target_total_response})
    ) AS v (name, started, ended, target)
    WHERE v.started IS NOT NULL AND v.ended IS NOT NULL
    UNION ALL
    SELECT c.key, v.name, extract(epoch FROM v.ended - v.started)::double precision, v.target
    FROM chosen c JOIN assignment a ON a.incident_id = c.incident_id AND (c.team_id IS NULL OR a.team_id = c.team_id)
    CROSS JOIN LATERAL (VALUES
        ('turnout', a.assigned_at, a.departed_at, {target_turnout}),
        ('travel', a.departed_at, a.arrived_at, {target_travel})
    ) AS v (name, started, ended, target)
    WHERE v.started IS NOT NULL AND v.ended IS NOT NULL
)
SELECT key, name, count(*), count(*) FILTER (WHERE seconds <= target), count(target),
       CASE WHEN min(target) = max(target) AND count(target) = count(*) THEN min(target) END,
       percentile_cont(%(shares)s::double precision[]) WITHIN GROUP (ORDER BY seconds)
FROM span GROUP BY key, name
"""
_STATES = "SELECT key, state, count(DISTINCT incident_id) FROM chosen GROUP BY key, state"
NAMES = ("push", "assign", "arrive", "total", "alarm_handling", "turnout", "travel", "total_response")


def figures(connection: Connection, by: str, filters: Filters, timezone: str) -> list[Group]:
    """The figures of every group, by key; a report of everything has the one group `total`, also when it is empty."""
    chosen, parameters = _chosen(by, filters, timezone)
    states: dict[str, dict[str, int]] = {"total": {}} if by == "total" else {}
    for key, state, count in bulk.select(connection, chosen + _STATES, parameters):
        states.setdefault(key, {})[state] = count
    targets = {f"target_{name}": _target(name) for name in NAMES}
    parameters["shares"] = list(SHARES)
    intervals: dict[str, dict[str, Figures]] = {key: {} for key in states}
    for key, name, count, within, judged, target, shares in bulk.select(
        connection, chosen + _INTERVALS.format(**targets), parameters
    ):
        p50, p90, p95, p99 = (round(share, DECIMALS) for share in shares)
        intervals[key][name] = Figures(count, within, p50, p90, p95, p99, target, judged)
    nothing = Figures(0, 0, None, None, None, None)
    return [
        Group(key, sum(states[key].values()), states[key], {name: intervals[key].get(name, nothing) for name in NAMES})
        for key in sorted(states)
    ]


def _target(name: str) -> str:
    # A target may be one that is only reported (total); NFPA's names may have none.
    return f"coalesce(c.rules->'targets'->>'{name}', c.rules->'report_only'->>'{name}')::double precision"


def _chosen(by: str, filters: Filters, timezone: str) -> tuple[str, dict[str, Any]]:
    clauses, parameters = narrowing.conditions(filters)
    of_team = by == "team"
    where = narrowing.where(["i.state <> 'merged'", *clauses])
    statement = _CHOSEN.format(
        key=KEYS[by],
        assigned="a.assigned_at" if of_team else "i.first_assigned_at",
        on_scene="a.arrived_at" if of_team else "i.first_on_scene_at",
        team="a.team_id" if of_team else "NULL::uuid",
        # Narrowed inside too: the planner would group every assignment that ever was.
        join=_TEAM_JOIN.format(where=where) if of_team else "",
        where=where,
    )
    return statement, {**parameters, "timezone": timezone}
