"""The one way a message is refused: which field, which rule, in a form that becomes a problem of RFC 9457 unchanged."""

from typing import Any


class InvalidMessage(ValueError):
    """A message breaks its schema. Has the attributes of a refusal: code, kind, detail, field, rule, extra.

    `code` is ``unknown_command``, ``unknown_field``, ``missing_field`` or ``invalid_input``; `field` a dotted path
    (``data.location.lat``); `rule` the stable name of the rule broken. `extra["errors"]` lists every breach, at most
    20.
    """

    kind = "invalid"

    def __init__(
        self, code: str, field: str | None, rule: str, detail: str, errors: list[dict[str, str]] | None = None
    ) -> None:
        super().__init__(detail)
        self.code, self.field, self.rule, self.detail = code, field, rule, detail
        self.extra: dict[str, Any] = {"errors": errors} if errors and len(errors) > 1 else {}


_CODES = {"unknown_field": "unknown_field", "required": "missing_field"}
_MOST_ERRORS = 20


def refusal(messages: Any) -> InvalidMessage:
    """The refusal for marshmallow's error tree. An unknown field comes first: it is often a misspelt required one."""
    errors = sorted(_flat(messages, ()), key=lambda error: error["rule"] != "unknown_field")[:_MOST_ERRORS]
    first = errors[0]
    field = first["field"] or None
    detail = f"{field}: {first['detail']}" if field else first["detail"]
    return InvalidMessage(_CODES.get(first["rule"], "invalid_input"), field, first["rule"], detail, errors)


def _flat(messages: Any, path: tuple[str, ...]) -> list[dict[str, str]]:
    if isinstance(messages, dict):
        return [
            error
            for key, value in messages.items()
            for error in _flat(value, path if key == "_schema" else (*path, str(key)))
        ]
    if isinstance(messages, list):
        return [error for value in messages for error in _flat(value, path)]
    rule, _, detail = str(messages).partition(": ")
    return [{"field": ".".join(path), "rule": rule, "detail": detail or rule}]
