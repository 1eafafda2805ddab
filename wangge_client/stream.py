"""The live events of a county, as one iterator that does not end: it resumes by itself where it was."""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from wangge_client.frames import Frame, frames
from wangge_client.messages import Event, Gap, StreamRefused, event_of
from wangge_client.pauses import Pauses

SILENCE_SECONDS = 6.0
"""The gateway says something each second; who hears nothing for so long is not connected, whatever TCP thinks."""
CONNECT_SECONDS = 5.0
REMEMBERED = 10_000
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_COUNTED = re.compile(r"(\d+)\.")


class Stream:
    """Events after `after` (an id of this stream; None: from now on), of `types` (with * and ?) and a `jurisdiction`.

    Iterating gives Event and Gap, each event once, and goes on over lost connections and restarts of the gateway.
    Raises StreamRefused when trying again cannot help (no token, no right, an id that is not this reader's).
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        types: Sequence[str] = (),
        jurisdiction: str = "",
        after: str | None = None,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self.position = after
        """Where to resume: keep it with what was done about the event, and give it as `after` next time."""
        self.behind: int | None = None
        """Events that this reader has not had yet; None while that is not known."""
        self.connections = 0
        """How often a connection was made."""
        self._parameters: dict[str, list[str]] = {"type": list(types)}
        if jurisdiction:
            self._parameters["jurisdiction"] = [jurisdiction]
        timeout = httpx.Timeout(CONNECT_SECONDS, read=silence_seconds)
        self._client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=timeout)
        self._pauses = Pauses()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the iteration, from whichever thread, at the latest with the next heartbeat."""
        self._closed.set()
        self._client.close()

    def __iter__(self) -> Iterator[Event | Gap]:
        while not self._closed.is_set():
            least = 0.0
            try:
                yield from self._connection()
            except _Passing as passing:
                least = passing.retry_after
            except (httpx.TransportError, RuntimeError):
                # RuntimeError is what httpx says of a client that was closed under its stream.
                if self._closed.is_set():
                    return
            self.behind = None
            self._closed.wait(self._pauses.next(least))

    def _connection(self) -> Iterator[Event | Gap]:
        headers = {"Accept": "text/event-stream"}
        if self.position is not None:
            headers["Last-Event-ID"] = self.position
        with self._client.stream("GET", "/v1/stream", params=self._parameters, headers=headers) as response:
            if response.status_code != httpx.codes.OK:
                _refuse(response)
            self.connections += 1
            for frame in frames(response.iter_lines()):
                self._pauses.over()
                yield from self._read(frame)
                if self._closed.is_set():
                    return

    def _read(self, frame: Frame) -> Iterator[Event | Gap]:
        content: dict[str, Any] = json.loads(frame.data)
        if frame.event == "gap":
            yield Gap(content.get("from"), content.get("to"), str(content.get("reason", "")))
        elif frame.event == "heartbeat":
            self.behind = content.get("behind")
            self.position = frame.id if frame.id is not None else self.position
        elif frame.event != "end" and frame.id is not None:
            if _jumped(self.position, frame.id):
                yield Gap(None, None, "uncounted")
            self.position = frame.id
            event = event_of(frame.id, content)
            if not self._is_known(event.id):
                yield event

    def _is_known(self, event_id: str) -> bool:
        """Whether this event was given before: the stream was made anew, or published it twice."""
        if not event_id:
            return False
        known = event_id in self._seen
        self._seen[event_id] = None
        self._seen.move_to_end(event_id)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return known


class _Passing(Exception):
    """Refused for now."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


def _refuse(response: httpx.Response) -> None:
    """Raises _Passing or StreamRefused."""
    response.read()
    if response.status_code in PASSING:
        told = response.headers.get("Retry-After", "")
        raise _Passing(float(told) if told.isdigit() else 0.0)
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    raise StreamRefused(response.status_code, problem if isinstance(problem, dict) else {})


def _jumped(before: str | None, now: str) -> bool:
    """Whether the count in the reader's marks, where they have one, is not the next one."""
    last, this = _COUNTED.match(before or ""), _COUNTED.match(now)
    return bool(last and this and int(this[1]) != int(last[1]) + 1)
