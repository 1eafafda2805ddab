"""Executing commands: a batch is one transaction, a refusal hurts no neighbour, a key is answered once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.catalogue import load_command
from contracts.refusal import InvalidMessage
from contracts.rights.deciding import reach_of
from services.dispatch.application.access import held
from services.dispatch.application.context import Context, IncidentRef, team_id_of
from services.dispatch.application.denials import denial_of
from services.dispatch.application.index import COMMANDS, CREATES, NOT_REMEMBERED
from services.dispatch.application.intake import duplicate_query
from services.dispatch.application.ports import (
    Actor,
    Answer,
    Key,
    KeyTaken,
    ProblemOf,
    Remembered,
    Request,
    Transact,
    UnitOfWork,
)
from services.dispatch.application.withholding import show
from services.dispatch.domain.errors import Denied, Invalid, Refusal

MOST_COMMANDS = 500
# On a crowded machine 500 commands take longer than a frozen process is allowed to hold its locks.
_SIGN_OF_LIFE = 25
_NOT_THE_BODY = frozenset({"key", "view", "taken_at"})


@dataclass(frozen=True, slots=True)
class _Asked:
    """A command that reads well: its place in the batch, as loaded, as it came (for its fingerprint), and who asks."""

    place: int
    command: Mapping[str, Any]
    raw: Mapping[str, Any]
    request: Request

    @property
    def key(self) -> Key:
        return (self.request.actor.owner, self.command["key"])


def execute(batch: Sequence[Any], actor: Actor, transact: Transact, problem_of: ProblemOf) -> list[Answer]:
    """Answer every command of one actor, in order; see `execute_together`. Raises Invalid `too_many_commands`."""
    requests = [Request(batch, actor)]
    refuse_too_many(requests)
    return execute_together(requests, transact, problem_of)[0]


def execute_together(requests: Sequence[Request], transact: Transact, problem_of: ProblemOf) -> list[list[Answer]]:
    """Answer every command of every request, in order, in one transaction.

    A command that breaks its schema, or is refused, is answered with its problem and changes nothing; the others go on.
    An unexpected error has the commands run one by one, so that it stays alone. Raises an error that is `retryable`
    (the database is away), because then nothing was done.
    """
    answers: dict[int, Answer] = {}
    asked: list[_Asked] = []
    places = iter(range(weight(requests)))
    for request in requests:
        for raw, place in zip(request.commands, places, strict=False):
            try:
                asked.append(_Asked(place, load_command(raw), raw, request))
            except InvalidMessage as error:
                answers[place] = _refused(problem_of(error))
    if asked:
        answers.update(_answer(asked, transact, problem_of))
    told = iter(range(len(answers)))
    return [[answers[next(told)] for _ in request.commands] for request in requests]


def weight(requests: Sequence[Request]) -> int:
    """How many commands there are."""
    return sum(len(request.commands) for request in requests)


def only_take_in(requests: Sequence[Request]) -> bool:
    """Whether nothing is asked but to take calls in, which locks no incident that is at work."""
    commands = (command for request in requests for command in request.commands)
    return all(isinstance(each, dict) and each.get("command") == "incident.create" for each in commands)


def refuse_too_many(requests: Sequence[Request]) -> None:
    """Raises Invalid `too_many_commands`."""
    if weight(requests) > MOST_COMMANDS:
        raise Invalid("too_many_commands", f"at most {MOST_COMMANDS} commands at once", field="commands", rule="most")


def _answer(asked: Sequence[_Asked], transact: Transact, problem_of: ProblemOf) -> dict[int, Answer]:
    try:
        return _in_one(asked, transact, problem_of)
    except Exception as error:
        if getattr(error, "retryable", False):
            raise
        if len(asked) == 1:
            return {asked[0].place: _refused(problem_of(error))}
    answers: dict[int, Answer] = {}
    for one in asked:
        answers.update(_answer([one], transact, problem_of))
    return answers


def _in_one(asked: Sequence[_Asked], transact: Transact, problem_of: ProblemOf) -> dict[int, Answer]:
    def work(uow: UnitOfWork) -> dict[int, Answer]:
        return _run(uow, asked, problem_of)

    try:
        return transact(work)
    except KeyTaken:
        # A concurrent twin was first; its answer is committed by now and is recalled.
        return transact(work)


def _run(uow: UnitOfWork, asked: Sequence[_Asked], problem_of: ProblemOf) -> dict[int, Answer]:
    known = uow.answers.recall({one.key for one in asked})
    contexts = {one.request.actor: Context(uow, one.request.actor) for one in asked}
    fresh = [one for one in asked if one.key not in known and reach_of(one.request.actor, one.command["command"])]
    preload(uow, [one.command for one in fresh])
    look_around(uow, [(contexts[one.request.actor], one.command) for one in fresh])
    answers: dict[int, Answer] = {}
    remembered: dict[Key, Remembered] = {}
    for number, one in enumerate(asked, start=1):
        if number % _SIGN_OF_LIFE == 0:
            uow.still_here()
        context = contexts[one.request.actor]
        fingerprint = uow.answers.fingerprint({name: one.raw[name] for name in one.raw if name not in _NOT_THE_BODY})
        earlier = known.get(one.key)
        if earlier is not None:
            answers[one.place] = _again(context, one, earlier, fingerprint, problem_of)
            continue
        answers[one.place], lasts = _answer_one(context, one, problem_of)
        if lasts:
            known[one.key] = remembered[one.key] = Remembered(fingerprint, answers[one.place])
    if remembered:
        uow.answers.remember(remembered)
    return answers


def _answer_one(context: Context, one: _Asked, problem_of: ProblemOf) -> tuple[Answer, bool]:
    """The answer, and whether its key shall give it again. A denial does not last: rights may be given meanwhile."""
    name = one.command["command"]
    try:
        held(context.actor, name)
        result = COMMANDS[name](context, one.command)
    except Denied as denied:
        return _denied(context, name, denied, problem_of), False
    except Refusal as refusal:
        return _refused(problem_of(refusal)), name not in NOT_REMEMBERED
    if one.request.traceparent is not None and "incident_id" in result:
        context.uow.incidents.caused_by(UUID(result["incident_id"]), one.request.traceparent)
    if one.command["view"]:
        show(context, result)
    status = 201 if name in CREATES else 200
    return {"ok": True, "status": status, "replayed": False, "result": result}, name not in NOT_REMEMBERED


def _again(context: Context, one: _Asked, earlier: Remembered, fingerprint: bytes, problem_of: ProblemOf) -> Answer:
    if earlier.fingerprint != fingerprint:
        reused = Invalid(
            "idempotency_key_reused", "this key was used for another command", field="key", rule="idempotency"
        )
        return _refused(problem_of(reused))
    try:
        held(context.actor, one.command["command"])
    except Denied as denied:
        return _denied(context, one.command["command"], denied, problem_of)
    answer: Answer = {**earlier.answer, "replayed": True}
    if one.command["view"] and answer["ok"] and not {"incident", "team"} & answer["result"].keys():
        answer["result"] = dict(answer["result"])
        show(context, answer["result"])
    return answer


def _denied(context: Context, name: str, denied: Denied, problem_of: ProblemOf) -> Answer:
    """The refusal, and its record, which is written in this transaction."""
    context.uow.denials.add(denial_of(context.actor, name, denied))
    return _refused(problem_of(denied))


def _refused(problem: Mapping[str, Any]) -> Answer:
    return {"ok": False, "replayed": False, "problem": dict(problem)}


def preload(uow: UnitOfWork, commands: Sequence[Mapping[str, Any]]) -> None:
    """Load everything that the commands name in a few statements, before the first of them runs."""
    refs: list[str] = []
    teams: list[str] = []
    references: set[tuple[str, str]] = set()
    assignment_ids: set[UUID] = set()
    for command in commands:
        data = command["data"]
        refs += [text for text in (command.get("incident"), data.get("into")) if text]
        teams += [text for text in (command.get("team"), data.get("team")) if text]
        assignment_ids.update(found for found in (command.get("assignment"), data.get("assignment")) if found)
        if "reference" in data:
            references.add((data["reference"]["system"], data["reference"]["number"]))
        if command["command"] == "team.create" or "call_sign" in data:
            teams.append(data["call_sign"])
    parsed = [IncidentRef.parse(text) for text in refs]
    references.update((ref.system, ref.number) for ref in parsed if ref.id is None)
    ids = {ref.id for ref in parsed if ref.id is not None}
    if ids or references or assignment_ids:
        uow.incidents.load(ids=ids, references=references, assignment_ids=assignment_ids)
    if teams:
        team_ids = {found for text in teams if (found := team_id_of(text)) is not None}
        uow.teams.load(ids=team_ids, call_signs={text for text in teams if team_id_of(text) is None})


def look_around(uow: UnitOfWork, asked: Sequence[tuple[Context, Mapping[str, Any]]]) -> None:
    """Look for likely duplicates of everything that the commands take in, in one statement."""
    creating = [each for each in asked if each[1]["command"] == "incident.create"]
    queries = [query for context, command in creating if (query := duplicate_query(context, command)) is not None]
    if queries:
        uow.incidents.look_around(queries)
