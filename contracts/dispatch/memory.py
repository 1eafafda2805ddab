"""What dispatch remembers of a key, for whoever has lost the answer."""

from contracts.dispatch.results import CommandResult
from contracts.fields import Flag, Message, Part
from contracts.problem import Problem


class RememberedAnswer(Message):
    """What was answered to a key of this caller, without the views that an answer may carry."""

    known = Flag("False when nothing is remembered", example=True)
    result = Part(CommandResult, "What the command did, when it was done", allow_none=True)
    problem = Part(Problem, "Why it was refused, when it was", allow_none=True)
