"""Errors on every border: problem details of RFC 9457 with a stable `code`."""

from contracts.fields import Anything, Flag, Message, Text, Whole


class Problem(Message):
    """Why a request was refused. Extra members may stand beside these."""

    type = Text("Kind of problem, a URN", most=128, example="urn:wangge:problem:unknown_field")
    title = Text("Kind of problem in words, Chinese first", most=200, example="内容不符合要求 · Invalid input")
    status = Whole("HTTP status", least=400, most=599, example=422)
    code = Text("Stable code", most=64, pattern=r"[a-z][a-z0-9_]*", example="unknown_field")
    detail = Text("This case, in words", most=2000, least=0, example="data.foo: there is no such field", optional=True)
    field = Text("Path of the field at fault", most=200, example="data.foo", optional=True, allow_none=True)
    rule = Text("Rule it broke", most=200, example="unknown_field", optional=True, allow_none=True)
    retryable = Flag("True when the same request may succeed later", example=False, optional=True)
    instance = Text(
        "This occurrence: the request id",
        most=200,
        example="urn:uuid:0190a0c2-7e1a-7000-8000-0000000000aa",
        optional=True,
    )
    errors = Anything("Every breach, at most 20", example=[], optional=True)
