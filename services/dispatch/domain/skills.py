"""Skills that an incident asks for: who brings them, and which of them nobody brings."""

from __future__ import annotations

from services.dispatch.domain.assignment import Assignment
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.states import AT_WORK


def lacking(incident: Incident) -> tuple[str, ...]:
    """Required skills that nobody brings who is going, or was on the scene, in this cycle; of duplicates' teams too.

    Of a team that was sent before it was written down what it can do nothing is said to be missing.
    """
    absorbed = (known.brings for known in incident.absorbed.values() if known.cycle == incident.cycle)
    brought: set[str] = set()
    for skills in (incident.roster.brings(incident.cycle), *absorbed):
        if skills is None:
            return ()
        brought.update(skills)
    return tuple(skill for skill in incident.required_skills if skill not in brought)


def missing(incident: Incident) -> tuple[str, ...]:
    """What a desk still has to find somebody for: `lacking` while the incident is worked on, nothing otherwise."""
    return lacking(incident) if incident.state in AT_WORK else ()


def is_incomplete(incident: Incident) -> bool:
    """Whether somebody brings a part of what is required, and nobody the rest."""
    return 0 < len(lacking(incident)) < len(incident.required_skills)


def sent_for(incident: Incident, assignment: Assignment) -> tuple[str, ...]:
    """Required skills that the team brings."""
    return tuple(skill for skill in incident.required_skills if skill in (assignment.skills or ()))
