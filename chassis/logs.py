"""Structured logs: one JSON object a line on standard error, UTC, without personal data.

Redaction is the last wall, not the first: nothing personal should be handed to a logger. Keys known to hold it are
blanked, and what looks like a phone or an ID number is blanked wherever it stands, libraries' messages included.
"""

import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import date, datetime
from typing import Any, TextIO
from uuid import UUID

import orjson
import structlog

REDACTED = "[redacted]"

PERSONAL_KEYS = frozenset(
    {
        "phone",
        "mobile",
        "tel",
        "telephone",
        "name",
        "id_number",
        "id_card",
        "contact",
        "contacts",
        "address",
        "summary",
        "caller",
        "relation",
        "birth_date",
        "holder_name",
        "text",
        "note",
    }
)
SECRET_KEYS = frozenset(
    {"password", "passwd", "secret", "token", "authorization", "cookie", "master_key", "api_key", "credentials"}
)
_BLANKED = PERSONAL_KEYS | SECRET_KEYS
_ENDINGS = ("_phone", "_mobile", "_id_number", "_contact", "_password", "_secret", "_token", "_full_name", "_address")

# Mobile numbers with or without +86 and separators; fixed lines; any international number; ID numbers (GB 11643, and
# the 15 digits before it).
_NUMBERS = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"(?:(?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}"
    r"|(?:\(0\d{2,3}\)|0\d{2,3})[ -]?\d{7,8}"
    r"|\+\d[\d -]{6,16}\d"
    r"|\d{17}[0-9Xx]"
    r"|\d{15}"
    r")(?![0-9A-Za-z])"
)
_URL_PASSWORD = re.compile(r"(?<=://)([^\s/:@]+):[^\s/@]+@")
# PostgreSQL quotes the values of the row that broke a constraint, SQLAlchemy the parameters of the statement.
_ROW_VALUES = re.compile(r"^(?:DETAIL:|LINE \d+:|CONTEXT:|\[parameters:).*$", re.MULTILINE)
# What none of the three can be without: looked for first, because most of what is logged has none of it.
_SUSPECT = re.compile(r"\d{4}|\+\d|://|^(?:DETAIL|LINE|CONTEXT|\[parameters)", re.MULTILINE)


def scrub(text: str) -> str:
    """The text without phone and ID numbers, without passwords in URLs, without row values quoted by the database."""
    if _SUSPECT.search(text) is None:
        return text
    text = _URL_PASSWORD.sub(r"\1:***@", text)
    return _NUMBERS.sub(REDACTED, _ROW_VALUES.sub(REDACTED, text))


def redact(value: Any) -> Any:  # noqa: PLR0911 (one line a type)
    """The value as it may be logged, at any depth; what JSON does not know becomes scrubbed text."""
    if value is None or isinstance(value, bool | float | datetime | date | UUID):
        return value
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, int):
        return REDACTED if _NUMBERS.fullmatch(str(value)) else value
    if isinstance(value, Mapping):
        return {scrub(str(key)): REDACTED if _is_blanked(str(key)) else redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    return scrub(str(value))


def _is_blanked(key: str) -> bool:
    lowered = key.lower()
    return lowered in _BLANKED or lowered.endswith(_ENDINGS)


def _redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    cleaned: dict[str, Any] = redact(event)
    return cleaned


def _dump(event: Any, **_options: Any) -> str:
    # Keys may be of any type after a library's extra fields; a log line must never raise.
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z).decode()


def _chain(service: str, instance: str) -> list[Any]:
    def name_process(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"], event["instance"] = service, instance
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        name_process,
        structlog.processors.format_exc_info,
    ]


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the base class names it)
        """Says where the defect is; the inherited one prints the arguments, whatever they hold."""
        sys.stderr.write(
            _dump({"level": "error", "event": "a log line could not be written", "at": record.name}) + "\n"
        )


def configure(service: str, level: str = "info", instance: str | None = None) -> None:
    """Sets up this process's logging, the standard library's included, so that nameko and pika speak JSON too.

    Keys of a line: ts, level, event, service, instance, then what was bound with ``bind`` and given to the call.
    """
    instance = instance or os.environ.get("WANGGE_INSTANCE") or "default"
    chain = _chain(service, instance)
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*chain, _redact_event, structlog.processors.JSONRenderer(serializer=_dump)],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        # Loggers are made at import, before this runs: they must look the configuration up again.
        cache_logger_on_first_use=False,
    )
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*chain[:-1], structlog.stdlib.PositionalArgumentsFormatter()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redact_event,
                structlog.processors.JSONRenderer(serializer=_dump),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries' own chatter starts at warning: theirs is not an account of what this service did.
    root.setLevel(max(threshold, logging.WARNING) if threshold > logging.DEBUG else threshold)


def get_logger(**bound: Any) -> Any:
    """A logger; ``bound`` values appear on each of its lines. Pass ids as keywords *and* in the text."""
    return structlog.get_logger(**bound)


def bind(**ids: Any) -> None:
    """Binds ids (request, incident, message) to every later line of this thread or greenlet."""
    structlog.contextvars.bind_contextvars(**ids)


def unbind(*keys: str) -> None:
    """Takes bound ids off again."""
    structlog.contextvars.unbind_contextvars(*keys)
