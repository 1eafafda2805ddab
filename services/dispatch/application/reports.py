"""How the county does: SLA figures, breaches, policies and the live board, as contracts.dispatch.reports has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from contracts.dispatch import codes
from services.dispatch.application.access import Access, held
from services.dispatch.application.ports import Actor, Figures, Filters, Group, Reading
from services.dispatch.application.queries import moment, most, narrowed, shown_views
from services.dispatch.application.views import View
from services.dispatch.domain.errors import Invalid
from services.dispatch.domain.events import wire_time
from services.dispatch.domain.incident import Incident

GROUPINGS = ("total", "community", "town", "grid", "category", "priority", "centre", "team", "hour")
INTERVALS = ("push", "assign", "arrive", "total", "alarm_handling", "turnout", "travel", "total_response")
FIGURES = "sla.read"
MOST_BREACHES = 1000
MOST_ON_BOARD = 1000
_BOARD_SPAN = timedelta(hours=24)
_NOTHING = Figures(0, 0, None, None, None, None)


def sla_report(reading: Reading, actor: Actor, filters: Mapping[str, Any], by: str = "total") -> View:
    """The figures of a span by group: 115's intervals and NFPA's side by side, from effective times. Raises Invalid."""
    if by not in GROUPINGS:
        raise Invalid("invalid_input", f"by is one of {', '.join(GROUPINGS)}", field="by", rule="one_of")
    wanted = narrowed(reading, Access(actor, reading.teams_of), FIGURES, filters)
    groups = reading.figures(by, wanted)
    if by == "total" and not groups:
        groups = [Group("total", 0, {}, {})]
    return {
        "by": by, "since": _time(wanted.since), "until": _time(wanted.until),
        "prefix": wanted.prefix,
        "exercise": wanted.exercise,
        "groups": [group_view(group, *_labels(reading, by, group.key)) for group in groups],
    }  # fmt: skip


def sla_breaches(
    reading: Reading, actor: Actor, filters: Mapping[str, Any], limit: int = 100, cursor: str | None = None
) -> View:
    """Missed targets, newest first; withdrawn ones are among them and say so."""
    most(limit, MOST_BREACHES)
    try:
        wanted = narrowed(reading, Access(actor, reading.teams_of), FIGURES, filters)
        rows, following = reading.breaches(wanted, limit, cursor)
    except ValueError as error:
        raise Invalid("invalid_input", "the cursor is not one of ours", field="cursor", rule="cursor") from error
    return {"breaches": rows, "next_cursor": following}


def board(reading: Reading, actor: Actor, since: str | None = None) -> View:
    """What is open now, most urgent first, and the figures of what came in since (by default the last 24 hours)."""
    start = moment(since, "since") or reading.now - _BOARD_SPAN
    access = Access(actor, reading.teams_of)
    sight = access.sight("board.read")
    page = reading.page(Filters(open=True, exercise="include", sight=sight), MOST_ON_BOARD, None)
    groups = reading.figures("total", Filters(since=start, sight=sight))
    figures = groups[0] if groups else Group("total", 0, {}, {})
    return {
        "now": wire_time(reading.now),
        "open_incidents": shown_views(reading, access, sorted(page.incidents, key=_urgency)),
        "figures": group_view(figures, "合计", "Total"),
        "counts": dict(figures.states),
    }


def get_policies(reading: Reading, actor: Actor) -> View:
    """Every version of every SLA policy, with its targets and stamp rules. They are the whole county's."""
    held(actor, FIGURES)
    return {
        "policies": [
            {
                "policy": each.id, "version": each.version, "valid_from": wire_time(each.valid_from),
                "rules": {
                    "targets": each.targets, "report_only": each.report_only, "warn_share": each.warn_share,
                    "answer_seconds": each.answer_seconds,
                },
            }
            for each in reading.policies.policies
        ]
    }  # fmt: skip


def group_view(group: Group, label_zh: str | None, label_en: str | None) -> View:
    """One group, every interval present, percentiles to 3 decimals."""
    figures = {name: _interval(group.intervals.get(name, _NOTHING)) for name in INTERVALS}
    return {
        "key": group.key, "label_zh": label_zh, "label_en": label_en, "incidents": group.incidents,
        "states": dict(group.states), **figures,
    }  # fmt: skip


def _interval(figures: Figures) -> View:
    judged = figures.count if figures.judged is None else figures.judged
    return {
        "count": figures.count,
        "within": figures.within,
        "compliance": round(figures.within / judged, 6) if judged else None,
        "target_seconds": figures.target_seconds,
        "p50": _rounded(figures.p50),
        "p90": _rounded(figures.p90),
        "p95": _rounded(figures.p95),
        "p99": _rounded(figures.p99),
    }


def _labels(reading: Reading, by: str, key: str) -> tuple[str | None, str | None]:
    if by == "total":
        return "合计", "Total"
    if by == "category" and key in codes.CATEGORIES:
        return codes.CATEGORIES[key].zh, codes.CATEGORIES[key].en
    if by in {"town", "community", "grid"}:
        node = reading.places.tree.get(key)
        return (node.name_zh, node.name_en or None) if node else (None, None)
    if by == "centre":
        centre = next((each for each in reading.places.centres if each.code == key), None)
        return (centre.name_zh, centre.name_en or None) if centre else (None, None)
    return None, None


def _urgency(incident: Incident) -> tuple[str, str]:
    running = [wire_time(clock.due_at) for clock in incident.clockwork.clocks if clock.ended_at is None]
    return (min(running, default="~"), str(incident.id))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 3)


def _time(value: Any) -> str | None:
    return None if value is None else wire_time(value)
