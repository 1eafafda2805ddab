"""What a reader gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


class StreamRefused(Exception):
    """The gateway will not serve this reader, and trying again would not help. `problem` is its RFC 9457 document."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code', '')}: {problem.get('detail', '')}")
        self.status = status
        self.problem = dict(problem)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the county (CloudEvents 1.0). `mark` is where a reader resumes after it; `envelope` is all of it."""

    mark: str
    id: str
    type: str
    subject: str
    time: datetime | None
    jurisdiction: str
    sequence: int | None
    data: Mapping[str, Any]
    envelope: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that cannot be had: `first` to `last` where offsets may be told, else None.

    `reason` is the gateway's (`retention`, `stream_restarted`), or `uncounted`: this client saw the count jump.
    """

    first: int | None
    last: int | None
    reason: str


def event_of(mark: str, envelope: Mapping[str, Any]) -> Event:
    """The event in a CloudEvents envelope; what is not there is empty or None."""
    told = envelope.get("time")
    sequence = envelope.get("sequence")
    return Event(
        mark=mark,
        id=str(envelope.get("id", "")),
        type=str(envelope.get("type", "")),
        subject=str(envelope.get("subject", "")),
        time=datetime.fromisoformat(told) if isinstance(told, str) else None,
        jurisdiction=str(envelope.get("jurisdiction") or ""),
        sequence=int(sequence) if isinstance(sequence, int | str) and str(sequence).isdigit() else None,
        data=envelope.get("data") or {},
        envelope=envelope,
    )
