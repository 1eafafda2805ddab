"""Offering an incident to teams: by hand, by recommendation, and to the next ones when an offer came to nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from services.dispatch.application.context import Command, Context, Result, told
from services.dispatch.application.terms import Around
from services.dispatch.domain import fieldwork, recommendation, skills
from services.dispatch.domain.assignment import Assignment
from services.dispatch.domain.errors import Conflict, Refusal
from services.dispatch.domain.fieldwork import Offer
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.recommendation import NEAR_METRES
from services.dispatch.domain.stamps import Report
from services.dispatch.domain.states import AT_WORK, IncidentState


def assign(context: Context, command: Command) -> Result:
    """Send the named team, or those that the recommendation says should go together.

    When only a part of the skills asked for can be found, that part goes, and the answer says what is missing. Raises
    Conflict `no_team_available` (with the reasons counted), `team_out_of_service` and what the domain refuses.
    """
    incident, data, report = context.incident(command), command["data"], context.report(command)
    if data.get("auto"):
        sent = _recommended(context, incident, report, data.get("note"))
    else:
        team = context.find_team(data["team"], "data.team")
        flags = () if incident.backfill else team.oddities(context.uow.now)
        offer = Offer(
            context.uow.new_id(), team.id, incident.centre_code or team.centre_code, flags=flags, skills=team.skills
        )
        sent = [fieldwork.assign(incident, offer, report, data.get("note"))]
        team.open_assignments += 1
    return _told_of(incident, sent)


def _told_of(incident: Incident, sent: Sequence[Assignment]) -> Result:
    missing = skills.missing(incident)
    flags = dict.fromkeys(flag for each in sent for flag in each.stamps["assigned"].flags)
    if missing and sent[0].auto:
        flags["skill_missing"] = None
    return told(
        incident,
        assignment_id=str(sent[0].id),
        assignments=[
            {
                "assignment_id": str(each.id),
                "team_id": str(each.team_id),
                "skills": list(skills.sent_for(incident, each)),
            }
            for each in sent
        ],
        **({"missing_skills": list(missing)} if missing else {}),
        **({"flags": list(flags)} if flags else {}),
    )


def outcomes(context: Context, incident: Incident, asked: tuple[str, ...] = ()) -> list[recommendation.Outcome]:
    """The teams that should go, as of now, among others; every team with its reason when nobody is fit.

    Holds the centre so that nobody else takes the same team meanwhile. A county of a million has 1,400 teams: to weigh
    them all takes ten times as long as the rest of the command. So those nearby are looked at first, then those that
    are free, and all of them only to tell why nobody can go.
    """
    context.uow.lock_centre(incident.centre_code or "")
    context.uow.flush()
    need, teams = recommendation.Need.of(incident, context.uow.now, asked), context.uow.teams
    if need.lat is not None and need.lon is not None:
        near = recommendation.recommend(need, teams.free(need.skills, Around(need.lat, need.lon, NEAR_METRES)))
        if recommendation.is_settled(need, near, NEAR_METRES):
            return near
    found = recommendation.recommend(need, teams.free(need.skills))
    if found and found[0].rank == 1:
        return found
    return recommendation.recommend(need, teams.candidates())


def move_on(context: Context, incident: Incident, gone: Assignment, report: Report) -> None:
    """Offer the incident to the next recommended teams at once, because `gone` will not go: for the skills missing now.

    A hand-picked team among others is not replaced: the desk chose, the desk chooses again. For a merged duplicate its
    root asks, once nobody goes there, or only a part of those that it needs. Nobody left: the assign clock runs.
    """
    duplicate, incident = incident, context.root_of(incident)
    alone = incident.state is IncidentState.PUSHED
    if duplicate is not incident and not alone and not (gone.auto and skills.is_incomplete(incident)):
        return
    if incident.state not in AT_WORK or incident.backfill or (incident.roster.open() and not gone.auto):
        return
    now = Report(report.recorded_at, report.recorded_at, report.by, report.source)
    try:
        # Was nothing missing without it (a reinforcement), then what it was sent for.
        _recommended(context, incident, now, None, skills.lacking(incident) or skills.sent_for(incident, gone))
    except Refusal:
        return


def _recommended(
    context: Context, incident: Incident, report: Report, note: str | None, asked: tuple[str, ...] = ()
) -> list[Assignment]:
    # First: that nobody is free is no answer for an incident that nobody can be sent to.
    fieldwork.refuse_unless_assignable(incident, report)
    ranked = outcomes(context, incident, asked)
    chosen = [outcome for outcome in ranked if outcome.chosen]
    if not chosen:
        counted = Counter(reason for outcome in ranked for reason in outcome.reasons)
        raise Conflict(
            "no_team_available", "no team can be sent now", incident_id=str(incident.id), considered=len(ranked),
            reasons=dict(counted),
        )  # fmt: skip
    # What refuses the first refuses them all before anything has changed: none of them is on it, the report is one.
    return [
        fieldwork.assign(incident, _offer(context, incident, outcome), report, None if place else note)
        for place, outcome in enumerate(chosen)
    ]


def _offer(context: Context, incident: Incident, chosen: recommendation.Outcome) -> Offer:
    team = context.uow.teams.get(chosen.team_id)
    return Offer(
        context.uow.new_id(), chosen.team_id, incident.centre_code or chosen.centre_code, auto=True, flags=chosen.flags,
        skills=None if team is None else team.skills,
    )  # fmt: skip
