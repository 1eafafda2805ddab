"""What is answered by what. Read this first.

Command names are those of contracts.dispatch.commands, event types those of contracts.registry.events; a test holds
them equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.dispatch.application import assignments, closing, contacts, desk, intake, merging, offering, places, teams
from services.dispatch.application.context import Command, Context, Result
from services.dispatch.application.ports import UnitOfWork

CommandHandler = Callable[[Context, Command], Result]
EventHandler = Callable[[UnitOfWork, Sequence[places.Data]], None]

COMMANDS: dict[str, CommandHandler] = {
    "incident.create": intake.create,
    "incident.push": desk.push,
    "incident.acknowledge": desk.acknowledge,
    "incident.assign": offering.assign,
    "incident.escalate": desk.escalate,
    "incident.resolve": desk.resolve,
    "incident.feedback": desk.feed_back,
    "incident.close": closing.close,
    "incident.archive": closing.archive,
    "incident.cancel": closing.cancel,
    "incident.reopen": closing.reopen,
    "incident.merge": merging.merge,
    "incident.unmerge": merging.unmerge,
    "incident.hand_over": desk.hand_over,
    "incident.correct": desk.correct,
    "incident.read_contact": contacts.read_contact,
    "incident.note": desk.note,
    "assignment.accept": assignments.accept,
    "assignment.refuse": assignments.refuse,
    "assignment.depart": assignments.depart,
    "assignment.arrive": assignments.arrive,
    "assignment.clear": assignments.clear,
    "assignment.withdraw": assignments.withdraw,
    "team.create": teams.create,
    "team.change": teams.change,
    "team.move": teams.move,
    "team.shifts": teams.shifts,
}

# Answered with 201: something new exists.
CREATES = frozenset({"incident.create", "incident.assign", "team.create"})
# Its answer holds personal data, so it is never stored; asking again reads again, and leaves its own record.
NOT_REMEMBERED = frozenset({"incident.read_contact"})

EVENTS: dict[str, EventHandler] = {
    "wangge.registry.grid.changed.v1": places.take_grids,
    "wangge.registry.centre.changed.v1": places.take_centres,
    "wangge.registry.post.changed.v1": places.take_posts,
}
