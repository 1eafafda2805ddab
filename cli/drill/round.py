"""One drill: an incident marked as an exercise goes in over HTTP, is heard on the live stream, and is cancelled.

It passes everything that a real one passes (gateway, dispatch, its database, outbox, relay, broker, stream) and
occupies nobody: no team is assigned, and figures leave exercises out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx

from cli.drill import metrics

HEARD_WITHIN = 20.0
"""Seconds after which an event that was committed and not heard counts as lost to whoever listens."""
RECEIVED = "wangge.dispatch.incident.received.v1"


class DrillFailedError(Exception):
    """A step failed; `step` is one of metrics.STEPS, or `stream` or `place` before there was an incident."""

    def __init__(self, step: str, detail: str) -> None:
        super().__init__(f"{step}: {detail}")
        self.step = step


def run_round(client: httpx.Client, key: str) -> None:
    """One drill under the idempotency key `key`. Raises DrillFailedError, the incident cancelled if there is one."""
    place = _place(client)
    listen = {"type": RECEIVED, "jurisdiction": place["grid_code"][:6]}
    timeout = httpx.Timeout(HEARD_WITHIN)
    try:
        with client.stream("GET", "/v1/stream", params=listen, timeout=timeout) as stream:
            if stream.is_error:
                raise DrillFailedError("stream", str(stream.status_code))
            frames = _frames(stream.iter_lines())
            next(frames)  # the first heartbeat: from here on nothing is missed
            _drill(client, key, place, frames)
    except (httpx.HTTPError, StopIteration) as error:
        raise DrillFailedError("stream", repr(error)) from error


def _drill(client: httpx.Client, key: str, place: dict[str, Any], frames: Iterator[tuple[str, Any]]) -> None:
    begun = time.monotonic()
    body = {
        "source": "system", "category": "suspicious", "priority": 3, "exercise": True, "push": True,
        "summary": "系统自检演练 · synthetic drill",
        "location": {"lat": place["lat"], "lon": place["lon"], "grid_code": place["grid_code"]},
    }  # fmt: skip
    answer = _post(client, "commit", "/v1/incidents", body, key)
    incident = answer["incident_id"]
    metrics.SECONDS.labels("commit").observe(time.monotonic() - begun)
    try:
        _await(frames, incident, begun + HEARD_WITHIN)
        metrics.SECONDS.labels("heard").observe(time.monotonic() - begun)
    finally:
        since = time.monotonic()
        _post(client, "cancel", f"/v1/incidents/{incident}/cancel", {"reason": "drill"}, f"{key}-end")
        metrics.SECONDS.labels("cancel").observe(time.monotonic() - since)


def _place(client: httpx.Client) -> dict[str, Any]:
    """Where the drill happens: at the first centre that has a position."""
    try:
        response = client.get("/v1/centres")
        centres = response.raise_for_status().json()["centres"]
    except (httpx.HTTPError, KeyError, ValueError) as error:
        raise DrillFailedError("place", repr(error)) from error
    found = next((each for each in centres if each.get("lat") is not None), None)
    if found is None:
        raise DrillFailedError("place", "dispatch knows no centre with a position")
    return dict(found)


def _post(client: httpx.Client, step: str, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
    try:
        response = client.post(path, json=body, headers={"Idempotency-Key": key})
    except httpx.HTTPError as error:
        raise DrillFailedError(step, repr(error)) from error
    if response.is_error:
        raise DrillFailedError(step, f"{response.status_code} {response.text[:300]}")
    return dict(response.json())


def _await(frames: Iterator[tuple[str, Any]], incident: str, until: float) -> None:
    """Heartbeats come each second, so the deadline is looked at although nothing else may come."""
    for kind, data in frames:
        if kind == RECEIVED and data["subject"] == incident:
            return
        if time.monotonic() > until:
            break
    raise DrillFailedError("heard", f"{incident} was committed and not heard within {HEARD_WITHIN:.0f} s")


def _frames(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Server-sent events as (event, decoded data)."""
    kind = ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)
