"""What a handler works with: the unit of work, the actor, and how the things a command names are found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from services.dispatch.application.access import SEE, Access
from services.dispatch.application.ports import Actor, UnitOfWork
from services.dispatch.domain.assignment import Assignment
from services.dispatch.domain.errors import NotFound, Outdated
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.intake import Draft
from services.dispatch.domain.policy import SlaPolicy
from services.dispatch.domain.routing import Desks
from services.dispatch.domain.stamps import Report
from services.dispatch.domain.team import Team

Command = Mapping[str, Any]
Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class IncidentRef:
    """An incident by its own id or by its number in another system."""

    id: UUID | None
    system: str = ""
    number: str = ""

    @classmethod
    def parse(cls, text: str) -> IncidentRef:
        """Of ``<uuid>`` or ``<system>:<number>``; the contract has checked the form."""
        system, colon, number = text.partition(":")
        return cls(None, system, number) if colon else cls(UUID(text))


def team_id_of(text: str) -> UUID | None:
    """The id in a team reference, None when it is a call sign."""
    if len(text) != 36:
        return None
    try:
        return UUID(text)
    except ValueError:
        return None


@dataclass
class Context:
    """One batch of commands of one actor in one transaction."""

    uow: UnitOfWork
    actor: Actor
    drafts: dict[int, tuple[Draft, SlaPolicy]] = field(default_factory=dict)
    """What `incident.create` commands say, by `id` of the command: read for the batch, used by its handler."""

    @cached_property
    def access(self) -> Access:
        """What the actor may do, decided row by row."""
        return Access(self.actor, self.uow.teams.of_member)

    @cached_property
    def desks(self) -> Desks:
        """The centres as they are staffed now."""
        places = self.uow.places
        return Desks(places.tree, places.centres, self.uow.now, places.timezone)

    def report(self, command: Command) -> Report:
        """Who says so, when it happened (when it was taken, when the command does not tell), when we learnt it."""
        now = self.uow.now
        told = command.get("taken_at")
        # Of two clocks the database's judges: what is here now was not taken after now.
        taken_at = None if told is None else min(told, now)
        occurred_at = command.get("occurred_at") or taken_at or now
        return Report(occurred_at, now, self.actor.subject, self.actor.client, taken_at)

    def incident(self, command: Command) -> Incident:
        """The incident that a command is for.

        Raises NotFound `unknown_incident`, Hidden in the same words, Forbidden, Outdated `version_mismatch`.
        """
        found = self.find_incident(command, command["incident"], "incident")
        _compare(command, found.version)
        return found

    def find_incident(self, command: Command, text: str, field: str) -> Incident:
        """An incident that the command, which is its own permission, may be given for; by its reference in `field`."""
        return self.access.permit(command["command"], self._look_up(text, field), text, field)

    def _look_up(self, text: str, field: str) -> Incident:
        ref = IncidentRef.parse(text)
        incidents = self.uow.incidents
        found = incidents.get(ref.id) if ref.id is not None else incidents.by_reference(ref.system, ref.number)
        if found is None:
            raise NotFound("unknown_incident", f"there is no incident {text}", field=field)
        return found

    def assignment(self, command: Command) -> tuple[Incident, Assignment]:
        """The assignment that a command is for, by id, or the team's newest open one on the incident.

        Raises NotFound `unknown_assignment`, `unknown_incident`, `unknown_team`, Outdated `version_mismatch`.
        """
        incident, assignment = self._find_assignment(command)
        _compare(command, incident.version)
        return incident, assignment

    def _find_assignment(self, command: Command) -> tuple[Incident, Assignment]:
        assignment_id = command.get("assignment")
        if assignment_id is not None:
            absent = NotFound("unknown_assignment", f"there is no assignment {assignment_id}", field="assignment")
            incident = self.uow.incidents.by_assignment(assignment_id)
            assignment = incident.roster.find(assignment_id) if incident else None
            if incident is None or assignment is None:
                raise absent
            return self._permitted(command, incident, assignment, absent)
        text = command["incident"]
        incident = self._look_up(text, "incident")
        absent = NotFound("unknown_incident", f"there is no incident {text}", field="incident")
        team = self.find_team(command["team"], "team")
        assignment = incident.roster.of_team(team.id)
        if assignment is None and incident.merge is not None:
            # The caller knows the duplicate's number, the team was sent to the root.
            incident = self.uow.incidents.get(incident.merge.root_id) or incident
            assignment = incident.roster.of_team(team.id)
        if assignment is None:
            if not self.access.reaches(SEE, incident):
                raise self.access.hidden(command["command"], incident, absent)
            raise NotFound("unknown_assignment", f"{team.call_sign} is not on this incident", field="team")
        return self._permitted(command, incident, assignment, absent)

    def _permitted(
        self, command: Command, incident: Incident, assignment: Assignment, absent: NotFound
    ) -> tuple[Incident, Assignment]:
        self.access.permit_assignment(command["command"], incident, assignment, absent)
        return incident, assignment

    def team(self, command: Command) -> Team:
        """The team that a command is for.

        Raises NotFound `unknown_team`, Hidden in the same words, Forbidden, Outdated `version_mismatch`.
        """
        text = command["team"]
        found, absent = self.find_team(text, "team"), NotFound("unknown_team", f"there is no team {text}", field="team")
        self.access.permit_team(command["command"], found, self.grid_of(found.centre_code), absent)
        _compare(command, found.version)
        return found

    def grid_of(self, centre_code: str) -> str:
        """The grid that a centre answers for; of one that is not known, none, which only the whole county covers."""
        return next((each.grid_code for each in self.uow.places.centres if each.code == centre_code), "")

    def find_team(self, text: str, field: str) -> Team:
        """A team by id or call sign, whoever asks: any desk may send any team. Raises NotFound `unknown_team`."""
        team_id = team_id_of(text)
        found = self.uow.teams.get(team_id) if team_id is not None else self.uow.teams.by_call_sign(text)
        if found is None:
            raise NotFound("unknown_team", f"there is no team {text}", field=field)
        return found

    def root_of(self, incident: Incident) -> Incident:
        """The incident itself, or the root that it stands under."""
        if incident.merge is None:
            return incident
        root = self.uow.incidents.get(incident.merge.root_id)
        if root is None:
            raise NotFound("unknown_incident", "the root of the incident is gone", field="incident")
        return root


def _compare(command: Command, version: int) -> None:
    """Within the transaction that holds the thing, or that fails when another changes it meanwhile."""
    wanted = command.get("if_version")
    if wanted not in (None, version):
        raise Outdated(
            "version_mismatch",
            f"the version is {version}, not {wanted}",
            field="if_version",
            rule="if_version",
            current_version=version,
        )


def told(incident: Incident, **more: Any) -> Result:
    """The result that every incident command answers with."""
    return {"incident_id": str(incident.id), "version": incident.version, "state": incident.state.value, **more}
