"""Streams: 1,000 live readers (server-sent events) at 100 events a second. How late, and how much memory a reader?

Ours is the gateway as it runs, on the broker's stream queue. Events of the catalogue are published at appointed times
whatever became of the earlier ones; lateness runs from an event's appointment to the reader's recv, of every event at
every reader, and every reader must have every event once and in order. Beside it Starlette with a queue a reader (a
process of its own, same broker, same events), and the limit: a loop that writes the joined bytes to raw sockets each
50 ms. Readers are one process (readers.py) on the same two cores. Memory is what the gateway has grown by while it
served them, by reader.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson
import pika
import psutil

from chassis import topology
from cli.stack import ports
from contracts.names import DISPATCH
from tests.bench.bed import OURS, PEERS, ROOT, Bed, end
from tests.bench.results import Result
from tests.support.eventually import eventually

READERS = int(os.environ.get("BENCH_READERS", "1000"))
PER_SECOND, SECONDS, RUNS = 100, 5.0, int(os.environ.get("BENCH_STREAM_RUNS", "5"))
PATIENCE_SECONDS = 10.0
P99_MS, KIB_PER_READER = 150.0, 64.0
TYPE = "wangge.dispatch.incident.assigned.v1"
EXAMPLE = orjson.loads((ROOT / f"contracts/examples/{TYPE}.json").read_bytes())
TOKEN = "a-token-of-the-bench"
SIDES = ("ours", "starlette", "raw")


@dataclass(frozen=True)
class Seen:
    """One run of one side: what its readers report, what the server had grown by and worked meanwhile."""

    p50: float
    p99: float
    most: float
    delivered: int
    missing: int
    wrong: int
    kib_per_reader: float
    server_cpu: float


class Belt:
    """One stream, servers that read it, and readers that read them."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._url = bed.vhost()
        topology.declare(self._url, [DISPATCH])
        topology.declare_stream(self._url, [DISPATCH])
        self._number = 0

    def run(self, side: str, count: int, seconds: float) -> Seen:
        """A fresh server, `count` readers, `seconds` of events. Raises AssertionError when it does not come up."""
        port = ports.choose(["http"], seed=f"{self._bed.folder} {side} {self._number}")["http"]
        server = self._server(side, port)
        events, first = int(PER_SECOND * seconds), self._number
        # One reader before them, so that what every reader shares is not counted.
        self._read(port, 1, 1, partial(self._publish, 1))
        process = psutil.Process(server.pid)
        before, worked = process.memory_info().rss, busy(process)
        first, grown = self._number, 0

        def publish() -> None:
            nonlocal grown
            self._publish(events)
            grown = process.memory_info().rss - before

        told = self._read(port, count, events, publish, first)
        worked = busy(process) - worked
        end(server)
        missed = float("inf")
        return Seen(
            told["p50"] or missed, told["p99"] or missed, told["max"] or missed, told["delivered"], told["missing"],
            told["wrong"], grown / 1024 / count, worked,
        )  # fmt: skip

    def _server(self, side: str, port: int) -> subprocess.Popen[bytes]:
        told = {"AMQP_URL": self._url, "PORT": str(port), "WANGGE_HTTP_PORT": str(port), "WANGGE_TOKEN": TOKEN}
        python, module = {
            "ours": (OURS, "gateway"),
            "starlette": (PEERS, "tests.bench.peers.starlette_sse"),
            "raw": (OURS, "tests.bench.streams.raw"),
        }[side]
        return self._bed.start(python, ["-m", module], told, name=f"streams-{side}")

    def _read(
        self, port: int, count: int, events: int, publish: Callable[[], None], first: int | None = None
    ) -> dict[str, float]:
        file = self._bed.folder / f"readers-{self._number}-{count}.json"
        asked = (port, TOKEN, count, self._number if first is None else first, events, PATIENCE_SECONDS, file)
        readers = self._readers(file, [str(each) for each in asked])
        publish()
        eventually(file.exists, within=PATIENCE_SECONDS + 20, every=0.05)
        readers.wait(10)
        return dict(json.loads(file.read_text(encoding="utf-8")))

    def _readers(self, file: Path, asked: list[str]) -> subprocess.Popen[bytes]:
        """Started again until the server listens."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            readers = self._bed.start(OURS, ["-m", "tests.bench.streams.readers", *asked], {}, name="streams-readers")
            eventually(partial(ended_or_ready, readers, file.with_suffix(".ready")), within=60)
            if readers.poll() is None:
                return readers
        raise AssertionError("no reader could join")

    def _publish(self, count: int) -> None:
        connection = pika.BlockingConnection(pika.URLParameters(self._url))
        channel = connection.channel()
        begin = time.monotonic_ns() + 10_000_000
        for number in range(count):
            due = begin + number * 1_000_000_000 // PER_SECOND
            time.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
            told = {**EXAMPLE, "data": {**EXAMPLE["data"], "bench": [self._number, due]}}
            exchange = topology.events_exchange(DISPATCH)
            channel.basic_publish(exchange, TYPE, orjson.dumps(told), pika.BasicProperties(delivery_mode=2))
            self._number += 1
        connection.close()


def ended_or_ready(readers: subprocess.Popen[bytes], ready: Path) -> bool:
    return readers.poll() is not None or ready.exists()


def busy(process: psutil.Process) -> float:
    """Seconds of processor time so far."""
    return sum(process.cpu_times()[:2])


def run(bed: Bed) -> list[Result]:
    belt = Belt(bed)
    seen: dict[str, list[Seen]] = {side: [] for side in SIDES}
    for turn in range(RUNS):
        for side in SIDES[:: -1 if turn % 2 else 1]:
            seen[side].append(belt.run(side, READERS, SECONDS))
            print(f"    {side}: {seen[side][-1]}", flush=True)
    return results(seen)


def results(seen: dict[str, list[Seen]]) -> list[Result]:
    p99 = {side: round(statistics.median(each.p99 for each in runs), 1) for side, runs in seen.items()}
    kib = {side: round(statistics.median(each.kib_per_reader for each in runs), 1) for side, runs in seen.items()}
    lost = sum(each.missing + each.wrong for each in seen["ours"])
    note = (
        f"{READERS} readers, {PER_SECOND}/s for {SECONDS:g} s, medians of {RUNS} interleaved runs; "
        f"{sum(each.delivered for each in seen['ours']):,} deliveries, {lost} lost, double or out of order. "
        + "; ".join(f"{side}: {told(runs)}" for side, runs in seen.items())
    )
    late = Result(
        "streams: event to reader p99", "ms", p99["ours"], f"≤ {P99_MS:g} ms, none lost or double",
        p99["ours"] <= P99_MS and not lost, {n: v for n, v in p99.items() if n == "starlette"}, p99["raw"], note=note,
    )  # fmt: skip
    memory = Result(
        "streams: memory per reader", "KiB", kib["ours"], f"≤ {KIB_PER_READER:g} KiB", kib["ours"] <= KIB_PER_READER,
        {n: v for n, v in kib.items() if n == "starlette"},
        note="resident memory of the server with them minus before, by reader",
    )  # fmt: skip
    return [late, memory]


def told(runs: list[Seen]) -> str:
    p50, most, cpu = (statistics.median(getattr(each, name) for each in runs) for name in ("p50", "most", "server_cpu"))
    missing = sum(each.missing for each in runs)
    return f"p50 {p50:.1f}, max {most:.1f} ms, {cpu:.1f} s of processor a run, {missing} not delivered in time"
