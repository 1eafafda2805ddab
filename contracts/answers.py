"""Every answer by the call it answers: ``<service>.<method>``, the live stream's own messages, and the problem."""

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema

from contracts.catalogue import check, plain, tolerant
from contracts.dispatch import denials, memory, reports, results, selection
from contracts.dispatch import queries as dispatch
from contracts.fields import Message
from contracts.intake import IntakeState
from contracts.problem import Problem
from contracts.registry import queries as registry

ANSWER_TYPES: dict[str, type[Message]] = {
    "dispatch.execute": results.ExecuteAnswer,
    "dispatch.get_answer": memory.RememberedAnswer,
    "dispatch.get_incident": dispatch.Incident,
    "dispatch.list_incidents": dispatch.IncidentPage,
    "dispatch.select_incidents": selection.IncidentPartPage,
    "dispatch.recommend": dispatch.Recommendation,
    "dispatch.likely_duplicates": dispatch.Duplicates,
    "dispatch.sla_report": reports.SlaReport,
    "dispatch.sla_breaches": reports.Breaches,
    "dispatch.get_team": dispatch.Team,
    "dispatch.get_teams": dispatch.TeamPage,
    "dispatch.list_teams": dispatch.TeamPage,
    "dispatch.list_centres": reports.DeskCentres,
    "dispatch.board": reports.Board,
    "dispatch.get_policies": reports.Policies,
    "dispatch.list_denials": denials.Denials,
    "dispatch.record_denials": denials.RecordedDenials,
    "registry.get_grid": registry.Grid,
    "registry.children": registry.Grids,
    "registry.locate": registry.Chain,
    "registry.history": registry.Grids,
    "registry.tree": registry.Grids,
    "registry.list_centres": registry.Centres,
    "registry.list_posts": registry.Posts,
    "intake.state": IntakeState,
    "stream.heartbeat": reports.Heartbeat,
    "stream.gap": reports.Gap,
    "problem": Problem,
}

ANSWERS: dict[str, Schema] = {name: schema(unknown=RAISE) for name, schema in ANSWER_TYPES.items()}
_TOLERANT: dict[str, Schema] = {name: tolerant(schema) for name, schema in ANSWER_TYPES.items()}


def dump_answer(name: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """`answer` as JSON values, checked strictly: the side that answers. Raises KeyError or InvalidMessage.

    A problem may carry members of its own (RFC 9457, section 3.2), so it is the one answer not to check with this.
    """
    ready: dict[str, Any] = plain(answer)
    check(ANSWERS[name], ready)
    return ready


def load_answer(name: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """`answer` as Python values, unknown fields dropped: the side that asked. Raises KeyError or InvalidMessage."""
    return check(_TOLERANT[name], answer)
