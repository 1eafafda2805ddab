"""Callers who report incidents at a steady rate, whatever becomes of the servers, and remember what they were told."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

GIVE_UP_SECONDS = 60.0


@dataclass
class Report:
    """One call: its number, when it was made (Unix seconds), and what came back last."""

    number: str
    made_at: float
    status: int = 0
    location: str = ""
    refusals: list[int] = field(default_factory=list)
    seconds: float = 0.0


class Callers:
    """`count` people, each with one call at a time, together `rate` calls a second."""

    def __init__(self, url: str, token: str, *, count: int, rate: float) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {token}"}
        self._every = count / rate
        self._stop = threading.Event()
        self.reports: list[list[Report]] = [[] for _ in range(count)]
        self._threads = [threading.Thread(target=self._call, args=(place,)) for place in range(count)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No new call; returns when each has its answer."""
        self._stop.set()
        for thread in self._threads:
            thread.join(GIVE_UP_SECONDS + 30)

    def all(self) -> Sequence[Report]:
        return [report for mine in self.reports for report in mine]

    def _call(self, place: int) -> None:
        next_at = time.monotonic() + place * self._every / len(self.reports)
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=30) as client:
            while not self._stop.wait(max(0.0, next_at - time.monotonic())):
                next_at += self._every
                report = Report(f"{place}-{len(self.reports[place])}", time.time())
                self.reports[place].append(report)
                self._report(client, report)

    def _report(self, client: httpx.Client, report: Report) -> None:
        """Until there is an answer: a gateway that is being restarted refuses connections, which is no answer."""
        started = time.monotonic()
        body = {"source": "system", "category": "medical", "reference": {"system": "outage", "number": report.number}}
        while time.monotonic() - started < GIVE_UP_SECONDS:
            try:
                answer = client.post("/v1/incidents", json=body, headers={"Idempotency-Key": f"call-{report.number}"})
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            report.seconds = time.monotonic() - started
            report.status, report.location = answer.status_code, answer.headers.get("Location", "")
            if answer.is_success:
                return
            report.refusals.append(answer.status_code)
            time.sleep(0.2)
