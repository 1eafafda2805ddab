"""The field kinds of every message: strict about JSON types, described for people, quick to load.

marshmallow's own fields coerce (``"yes"`` is true, ``"1"`` is one). A message between services says what it means, so
these do not. Every error text starts with a stable rule name, then ": ", then the sentence; `contracts.refusal`
splits them.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from marshmallow import Schema, fields

# Anything PostgreSQL text cannot hold (NUL), a terminal would obey, or UTF-8 cannot carry (a lone surrogate). Tab
# and newlines are text.
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_EARLIEST, _LATEST = 1970, 2199

T = TypeVar("T")


class Described(fields.Field[T]):
    """A field that says what it holds. Required unless `optional`, or unless it has a `load_default`."""

    default_error_messages = {
        "required": "required: the field must be present",
        "null": "null: the field may not be null",
    }

    def __init__(
        self, about: str, *, example: Any = None, unit: str | None = None, optional: bool = False, **options: Any
    ) -> None:
        metadata: dict[str, Any] = {"description": about}
        if example is not None:
            metadata["examples"] = [example]
        if unit is not None:
            metadata["x-unit"] = unit
        required = not optional and "load_default" not in options
        super().__init__(required=required, metadata=metadata, **options)


class Text(Described[str]):
    """A JSON string of `least` to `most` characters, optionally of one `pattern`, without control characters."""

    default_error_messages = {
        "type": "type: must be a string",
        "length": "length: must have {least} to {most} characters",
        "pattern": "pattern: must match {pattern}",
        "control": "control_character: must not hold control characters or half a surrogate pair",
    }

    def __init__(self, about: str, *, most: int, least: int = 1, pattern: str | None = None, **options: Any) -> None:
        super().__init__(about, **options)
        self.least, self.most, self.pattern = least, most, pattern
        self._matches = re.compile(pattern).fullmatch if pattern else None

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("type")
        if not self.least <= len(value) <= self.most:
            raise self.make_error("length", least=self.least, most=self.most)
        if _NOT_TEXT.search(value):
            raise self.make_error("control")
        if self._matches and not self._matches(value):
            raise self.make_error("pattern", pattern=self.pattern)
        return value


class Choice(Described[Any]):
    """One of a closed list of codes (strings or whole numbers)."""

    default_error_messages = {"one_of": "one_of: must be one of {options}"}

    def __init__(self, about: str, options: Iterable[str | int], **rest: Any) -> None:
        super().__init__(about, **rest)
        self.options = tuple(options)
        self._known = {(type(option), option) for option in self.options}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, str | int) or (type(value), value) not in self._known:
            raise self.make_error("one_of", options=", ".join(map(str, self.options)))
        return value


class Identifier(Described[uuid.UUID]):
    """A UUID in its canonical text form (RFC 9562, 36 characters); loads to `uuid.UUID`."""

    default_error_messages = {"uuid": "uuid: must be a UUID like 0190a0c2-7e1a-7000-8000-000000000001"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> uuid.UUID:
        try:
            if len(value) == 36 and value[8] == value[13] == value[18] == value[23] == "-":
                return uuid.UUID(value)
        except (TypeError, ValueError, AttributeError, KeyError):
            pass
        raise self.make_error("uuid")

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else str(value)


class Moment(Described[datetime]):
    """A date and time with its offset (RFC 3339), loaded as an aware UTC datetime, dumped with six decimals and Z."""

    default_error_messages = {
        "date_time": "date_time: must be RFC 3339 with an offset, like 2026-01-02T03:04:05Z",
        "range": f"range: the year must be {_EARLIEST} to {_LATEST}",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise self.make_error("date_time")
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            raise self.make_error("date_time") from error
        if not _EARLIEST <= moment.year <= _LATEST:
            raise self.make_error("range")
        return moment.astimezone(UTC)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return value if value is None or isinstance(value, str) else format_moment(value)


class Flag(Described[bool]):
    """A JSON true or false; nothing else counts as either."""

    default_error_messages = {"type": "type: must be true or false"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if value is True or value is False:
            return value
        raise self.make_error("type")


class Whole(Described[int]):
    """A JSON integer from `least` to `most`."""

    default_error_messages = {"type": "type: must be a whole number", "range": "range: must be {least} to {most}"}

    def __init__(self, about: str, *, least: int = 0, most: int = 2**31 - 1, **options: Any) -> None:
        super().__init__(about, **options)
        self.least, self.most = least, most

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if type(value) is not int:
            raise self.make_error("type")
        if not self.least <= value <= self.most:
            raise self.make_error("range", least=self.least, most=self.most)
        return value


class Measure(Described[float]):
    """A JSON number from `least` to `most` (so never NaN or infinite)."""

    default_error_messages = {"type": "type: must be a number", "range": "range: must be {least} to {most}"}

    def __init__(self, about: str, *, least: float, most: float, **options: Any) -> None:
        super().__init__(about, **options)
        self.least, self.most = least, most

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> float:
        if type(value) is not float and type(value) is not int:
            raise self.make_error("type")
        if not self.least <= value <= self.most:
            raise self.make_error("range", least=self.least, most=self.most)
        return float(value)


class Part(Described[Any], fields.Nested):
    """An object of another message schema."""

    default_error_messages = {"type": "type: must be an object"}

    def __init__(self, schema: type["Message"], about: str, **options: Any) -> None:
        self.part = schema
        super().__init__(about, nested=schema, **options)


class Many(Described[list[Any]], fields.List[Any]):
    """A list of at most `most` items of one kind."""

    default_error_messages = {"invalid": "type: must be a list", "length": "length: must have {least} to {most} items"}

    def __init__(self, item: fields.Field[Any], about: str, *, most: int, least: int = 0, **options: Any) -> None:
        self.least, self.most = least, most
        super().__init__(about, cls_or_instance=item, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and not self.least <= len(value) <= self.most:
            raise self.make_error("length", least=self.least, most=self.most)
        return super()._deserialize(value, attr, data, **kwargs)


class Anything(Described[Any]):
    """Any JSON value, passed through untouched: a GeoJSON geometry, a problem's own members."""


class Message(Schema):
    """The base of every schema that crosses a border.

    `rules` are JSON Schema keywords for what one field cannot say (``anyOf``, ``dependentRequired``);
    `contracts.json_schema` merges them into the generated schema, and the same rule is enforced by a
    ``validates_schema`` method.
    """

    rules: ClassVar[dict[str, Any]] = {}
    error_messages = {"unknown": "unknown_field: there is no such field", "type": "type: must be an object"}


def format_moment(moment: datetime) -> str:
    """`moment` (aware) as RFC 3339 in UTC with six decimals, so that nothing is lost and text order is time order."""
    # isoformat costs a sixth of strftime, and this runs twice for each event.
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"
