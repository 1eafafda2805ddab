"""Calls that come in while things change: each once, on a connection of its own, none tried again."""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

DRAFT = {"source": "sensor", "category": "gas_leak", "priority": 3, "exercise": True, "summary": "cluster proof"}
PAUSE = 0.2
PATIENCE = 12.0
"""Longer than the gateway's own deadline for a command, so that its verdict is heard."""


@dataclass
class Callers:
    """One caller in a thread of its own, from `with` to its end; what was answered, and what was not."""

    url: str
    token: str
    place: dict[str, Any]
    trusted: ssl.SSLContext
    taken: list[str] = field(default_factory=list)
    """Incidents by id."""
    kept: list[str] = field(default_factory=list)
    """By tracking id, what a gateway kept while dispatch was away, to deliver it later (202)."""
    lost: list[str] = field(default_factory=list)
    longest: float = 0.0

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._call, name="caller", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(PATIENCE * 2)

    def _call(self) -> None:
        number = 0
        while not self._over.wait(PAUSE):
            number += 1
            begun = time.monotonic()
            try:
                self._once(f"cluster-proof-{id(self)}-{number}")
            except httpx.HTTPError as broken:
                self.lost.append(repr(broken))
            self.longest = max(self.longest, time.monotonic() - begun)

    def _once(self, key: str) -> None:
        headers = {"authorization": f"Bearer {self.token}", "idempotency-key": key, "connection": "close"}
        body = {**DRAFT, "location": self.place}
        with httpx.Client(base_url=self.url, verify=self.trusted, timeout=PATIENCE) as client:
            answer = client.post("/v1/incidents", json=body, headers=headers)
        if answer.status_code == httpx.codes.ACCEPTED:
            self.kept.append(answer.json()["tracking_id"])
        elif answer.is_success:
            self.taken.append(answer.json()["incident_id"])
        else:
            self.lost.append(f"{answer.status_code} {answer.text[:200]}")

    def not_found(self, client: httpx.Client) -> list[str]:
        """Of what was taken or kept, what is no incident that can be read."""
        paths = [f"/v1/incidents/{each}" for each in self.taken]
        missing = [path for path in paths if client.get(path).is_error]
        states = {each: client.get(f"/v1/intake/{each}").json().get("state") for each in self.kept}
        return missing + [f"{each}: {state}" for each, state in states.items() if state != "delivered"]
