"""Send lines to `POST /v1/feed` until each is answered, through restarts of anything behind it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

CHUNK = 2000
"""Lines a request: long enough that a request's own cost vanishes, short enough that a broken one repeats little."""
GIVE_UP_SECONDS = 180
"""Without a single new answer for this long the feed gives up, naming the last error."""
PAUSES = (0.1, 0.3, 1.0, 2.0)


class FeedBrokenError(Exception):
    """No answer came for GIVE_UP_SECONDS; the text holds the last error."""


@dataclass(slots=True)
class Tally:
    """What came back so far."""

    accepted: int = 0
    replayed: int = 0
    refused: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    retried: int = 0

    def count(self, line: dict[str, Any], answer: dict[str, Any]) -> None:
        """Take one final answer in."""
        self.replayed += bool(answer.get("replayed"))
        if answer["ok"]:
            self.accepted += 1
        else:
            self.refused.append((line, answer["problem"]))


class Feed:
    """One feed: lines go out in order, each with its own key, so sending one again is harmless."""

    def __init__(self, client: httpx.Client, progress: Callable[[int], None]) -> None:
        self._client, self._progress = client, progress
        self.tally = Tally()

    def send(self, lines: Sequence[dict[str, Any]]) -> None:
        """Send all `lines`; returns when each has its final answer. Raises FeedBrokenError."""
        for start in range(0, len(lines), CHUNK):
            self._send_chunk(lines[start : start + CHUNK])

    def _send_chunk(self, lines: Sequence[dict[str, Any]]) -> None:
        done, failures, deadline = 0, 0, time.monotonic() + GIVE_UP_SECONDS
        while done < len(lines):
            error: object = "no answer"
            before = done
            try:
                for answer in self._post(lines[done:]):
                    if not answer["ok"] and answer["problem"].get("retryable"):
                        error = answer["problem"]
                        break
                    self.tally.count(lines[done], answer)
                    done += 1
                    self._progress(1)
            except httpx.HTTPError as broken:
                error = repr(broken)
            if done > before:
                failures, deadline = 0, time.monotonic() + GIVE_UP_SECONDS
            if done < len(lines):
                self._wait(error, failures, deadline)
                failures += 1

    def _wait(self, error: object, failures: int, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise FeedBrokenError(f"no answer for {GIVE_UP_SECONDS} s: {error}")
        self.tally.retried += 1
        time.sleep(PAUSES[min(failures, len(PAUSES) - 1)])

    def _post(self, lines: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        body = b"\n".join(orjson.dumps(line) for line in lines) + b"\n"
        headers = {"content-type": "application/x-ndjson"}
        with self._client.stream("POST", "/v1/feed", content=body, headers=headers) as response:
            if response.status_code != httpx.codes.OK:
                self._refuse(response)
            for text in response.iter_lines():
                if text and "ok" in (answer := orjson.loads(text)):
                    yield answer

    def _refuse(self, response: httpx.Response) -> None:
        """A whole request refused: passing trouble is tried again, anything else is the caller's to mend."""
        response.read()
        if response.status_code in (429, 502, 503, 504):
            response.raise_for_status()
        raise FeedBrokenError(f"{response.status_code}: {response.text[:500]}")
