"""Query parameters: declared once, checked before any call, described in the API document from the same declaration."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from chassis.clock import format_time, parse_time
from chassis.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z0-9_.]{1,64}")
_TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True, slots=True)
class Param:
    """One query parameter. `argument` is its name in the RPC call when that differs.

    A `repeated` one may be given several times and travels as a list; a `listed` one also takes several values in one,
    separated by commas.
    """

    name: str
    about: str
    read: Callable[[str], Any]
    schema: dict[str, Any]
    required: bool = False
    argument: str = ""
    repeated: bool = False
    listed: bool = False


class Broken(ValueError):
    """A value breaks a rule that has a name, and perhaps a code of its own."""

    def __init__(self, detail: str, rule: str, code: str | None = None) -> None:
        super().__init__(detail)
        self.rule, self.code = rule, code


def text(name: str, about: str, *, pattern: str | None = None, **options: Any) -> Param:
    """A short text."""
    rule = re.compile(pattern) if pattern else _TEXT

    def read(value: str) -> str:
        if not rule.fullmatch(value):
            raise ValueError(f"must match {pattern}" if pattern else "must have 1 to 200 printable characters")
        return value

    schema = {"type": "string", **({"pattern": f"^({pattern})$"} if pattern else {"minLength": 1, "maxLength": 200})}
    return Param(name, about, read, schema, **options)


def whole(name: str, about: str, least: int, most: int, **options: Any) -> Param:
    """A whole number within limits."""

    def read(value: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", value) or not least <= int(value) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(value)

    return Param(name, about, read, {"type": "integer", "minimum": least, "maximum": most}, **options)


def measure(name: str, about: str, least: float, most: float, **options: Any) -> Param:
    """A number within limits; never NaN, which compares with nothing."""

    def read(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            raise ValueError("must be a number") from None
        if not least <= number <= most:
            raise ValueError(f"must be from {least} to {most}")
        return number

    return Param(name, about, read, {"type": "number", "minimum": least, "maximum": most}, **options)


def flag(name: str, about: str, **options: Any) -> Param:
    """True or false."""

    def read(value: str) -> bool:
        if value not in ("true", "false"):
            raise ValueError("must be true or false")
        return value == "true"

    return Param(name, about, read, {"type": "boolean"}, **options)


def choice(name: str, about: str, options: Sequence[str], **rest: Any) -> Param:
    """One of a few words."""

    def read(value: str) -> str:
        if value not in options:
            raise Broken(f"must be one of {', '.join(options)}", "one_of")
        return value

    return Param(name, about, read, {"type": "string", "enum": list(options)}, **rest)


def several(name: str, about: str, options: Sequence[str]) -> Param:
    """Some of a few words, any of which will do."""
    return choice(name, about, options, repeated=True, listed=True)


def members(name: str, about: str, known: Sequence[str]) -> Param:
    """Names of members of the answer."""

    def read(value: str) -> str:
        if value not in known:
            shown = value if _NAME.fullmatch(value) else "such name"
            raise Broken(f"there is no {shown}; there are {', '.join(known)}", "one_of", "unknown_field")
        return value

    return Param(name, about, read, {"type": "string", "enum": list(known)}, repeated=True, listed=True)


def moment(name: str, about: str, **options: Any) -> Param:
    """A time of RFC 3339 with its offset; travels on as UTC."""

    def read(value: str) -> str:
        # A plus sign that was not escaped arrives as a space.
        return format_time(parse_time(value.replace(" ", "+")))

    return Param(name, about, read, {"type": "string", "format": "date-time"}, **options)


def read_query(query: QueryParams, declared: Sequence[Param]) -> dict[str, Any]:
    """The RPC arguments in a query string.

    Raises InvalidInput naming the parameter that is unknown, missing, twice or bad.
    """
    by_name = {param.name: param for param in declared}
    arguments: dict[str, Any] = {}
    for name in dict.fromkeys(query.keys()):
        param = by_name.get(name)
        if param is None:
            raise InvalidInput(
                "there is no such query parameter", code="unknown_field", field=name, rule="unknown_field"
            )
        values = query.getlist(name)
        if param.listed:
            values = [value for given in values for value in given.split(",")]
        if len(values) > 1 and not param.repeated:
            raise InvalidInput("may be given once", field=name, rule="repeated")
        read = [_read(param, value) for value in values]
        arguments[param.argument or name] = read if param.repeated else read[0]
    for param in declared:
        if param.required and param.name not in query:
            raise InvalidInput(
                "the query parameter must be present", code="missing_field", field=param.name, rule="required"
            )
    return arguments


def _read(param: Param, value: str) -> Any:
    try:
        return param.read(value)
    except Broken as error:
        raise InvalidInput(f"{param.name}: {error}", code=error.code, field=param.name, rule=error.rule) from None
    except ValueError as error:
        raise InvalidInput(f"{param.name}: {error}", field=param.name) from None
