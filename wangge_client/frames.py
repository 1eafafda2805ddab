"""Server-sent events (WHATWG HTML, section 9.2), read line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of the stream; `id` is None where it carries none."""

    event: str
    data: str
    id: str | None


def frames(lines: Iterable[str]) -> Iterator[Frame]:
    """The messages in lines without their ends. A message that is cut off is none."""
    event, mark = "message", None
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield Frame(event, "\n".join(data), mark)
            event, data, mark = "message", [], None
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event = value
        elif name == "data":
            data.append(value)
        elif name == "id":
            mark = value
