"""Offering an incident to teams: by hand, by recommendation, and to the next one when an offer came to nothing."""

from __future__ import annotations

from collections import Counter

from services.dispatch.application.context import Command, Context, Result, told
from services.dispatch.domain import fieldwork, recommendation
from services.dispatch.domain.assignment import Assignment
from services.dispatch.domain.errors import Conflict, Refusal
from services.dispatch.domain.fieldwork import Offer
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.stamps import Report
from services.dispatch.domain.states import AT_WORK, IncidentState


def assign(context: Context, command: Command) -> Result:
    """Send the named team, or the first of the recommendation.

    Raises Conflict `no_team_available` (with the reasons counted), `team_out_of_service` and what the domain refuses.
    """
    incident, data, report = context.incident(command), command["data"], context.report(command)
    if data.get("auto"):
        assignment = _recommended(context, incident, report, data.get("note"))
    else:
        team = context.find_team(data["team"], "data.team")
        flags = () if incident.backfill else team.oddities(context.uow.now)
        offer = Offer(context.uow.new_id(), team.id, incident.centre_code or team.centre_code, flags=flags)
        assignment = fieldwork.assign(incident, offer, report, data.get("note"))
        team.open_assignments += 1
    flags = assignment.stamps["assigned"].flags
    return told(incident, assignment_id=str(assignment.id), **({"flags": list(flags)} if flags else {}))


def outcomes(context: Context, incident: Incident) -> list[recommendation.Outcome]:
    """The ranked teams, as of now; every team with its reason when nobody is fit.

    Holds the centre so that nobody else takes the same team meanwhile. A county of a million has 1,400 teams: to weigh
    them all takes ten times as long as the rest of the command.
    """
    context.uow.lock_centre(incident.centre_code or "")
    context.uow.flush()
    need, teams = recommendation.Need.of(incident, context.uow.now), context.uow.teams
    found = recommendation.recommend(need, teams.free(need.skills))
    if found and found[0].rank == 1:
        return found
    return recommendation.recommend(need, teams.candidates())


def move_on(context: Context, incident: Incident, gone: Assignment, report: Report) -> None:
    """Offer the incident to the next recommended team at once, because `gone` will not go.

    A hand-picked team among others is not replaced: the desk chose, the desk chooses again. For a merged duplicate its
    root asks, once nobody goes there. Nobody left: the assign clock runs.
    """
    duplicate, incident = incident, context.root_of(incident)
    if duplicate is not incident and incident.state is not IncidentState.PUSHED:
        return
    if incident.state not in AT_WORK or incident.backfill or (incident.roster.open() and not gone.auto):
        return
    try:
        _recommended(context, incident, Report(report.recorded_at, report.recorded_at, report.by, report.source), None)
    except Refusal:
        return


def _recommended(context: Context, incident: Incident, report: Report, note: str | None) -> Assignment:
    # First: that nobody is free is no answer for an incident that nobody can be sent to.
    fieldwork.refuse_unless_assignable(incident, report)
    ranked = outcomes(context, incident)
    best = next((outcome for outcome in ranked if outcome.rank == 1), None)
    if best is None:
        counted = Counter(reason for outcome in ranked for reason in outcome.reasons)
        raise Conflict(
            "no_team_available", "no team can be sent now", incident_id=str(incident.id), considered=len(ranked),
            reasons=dict(counted),
        )  # fmt: skip
    offer = Offer(
        context.uow.new_id(), best.team_id, incident.centre_code or best.centre_code, auto=True, flags=best.flags
    )
    return fieldwork.assign(incident, offer, report, note)
