"""Command: POST of an incident, answered 2xx after the commit. How many a second, and how long does the caller wait?

Ours is the whole product (`wangge up`, an instance of its own): gateway, RPC, dispatch with its rules, clocks, hash
chain, idempotency and outbox. Beside it stock nameko (http + rpc, two processes) and FastAPI + asyncpg (one process, no
broker), which check nothing and insert four rows in one transaction, and the bare way: our gateway's call to a service
that does nothing at all (`bare.py`), which no command of ours can beat; and the same with those four rows and their
commit in one round trip, which no command that comes alone can beat. Nobody attends to these incidents, so they run
under a policy whose clocks end in an hour: what is measured is intake, not the warnings, breaches and escalations of
thousands of abandoned incidents. Closed loop at 1, 50 and 200 in flight for the rates; open loop at 80 a second for
what a caller waits, measured from when the request was due.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from subprocess import run as run_command
from urllib.parse import urlsplit

import orjson
import psycopg2

from cli.stack import ports
from cli.stack.address import address
from tests.bench.bed import OURS, PEERS, ROOT, Bed
from tests.bench.command.load import Taken, Target, Wire, arrivals, in_flight, open_loop
from tests.bench.interleaved import RUNS
from tests.bench.peers.four_rows import TABLES_SQL
from tests.bench.results import Result
from tests.support.eventually import eventually

INSTANCE = "bench-command"
IN_FLIGHT, SECONDS, PER_SECOND = (1, 50, 200), 1.0, 80
OPEN_SECONDS = 10
GOAL_NAMEKO, ACCEPT_P99_MS, STREAM_P99_MS = 2.0, 25.0, 150.0
WITH_ROWS = "bare-rows"
BARE = ("bare", WITH_ROWS)
POLICY = {
    "bench": {
        "match": [{"sources": ["police"], "categories": ["medical"]}],
        "targets": {"push": 3600, "assign": 3600, "arrive": 3600},
    }
}
_numbers = count(1)


def incident(number: int) -> bytes:
    """Somewhere in a county of 55 by 48 km, evenly spread, as unrelated calls are: few have another within 500 m."""
    place = {"lat": 29.0 + number * 0.7548776662 % 0.5, "lon": 119.0 + number * 0.5698402910 % 0.5}
    return orjson.dumps({"source": "police", "category": "medical", "priority": 2, "location": place})


@contextmanager
def product(folder: Path) -> Iterator[Target]:
    """A stack of its own, destroyed at the end."""
    command = [OURS, "-m", "cli.main"]
    policy = folder / "policy.json"
    policy.write_bytes(orjson.dumps(POLICY))
    try:
        run_command([*command, "up", "--instance", INSTANCE], cwd=ROOT, check=True, capture_output=True, timeout=180)
        run_command([*command, "policy", "put", str(policy), "--instance", INSTANCE], cwd=ROOT, check=True, timeout=60,
                    capture_output=True)  # fmt: skip
        where = address(INSTANCE)
        yield Target(f"{where.url}/v1/incidents", where.token, incident)
    finally:
        down = [*command, "down", "--instance", INSTANCE, "--destroy"]
        run_command(down, cwd=ROOT, check=False, capture_output=True, timeout=120)


def peers(bed: Bed) -> dict[str, Target]:
    chosen = ports.choose(["nameko", "unused", "fastapi", *BARE], seed=str(bed.folder))
    found = {}
    for name in ("nameko", "fastapi"):
        url = bed.database(name)
        with closing(psycopg2.connect(url)) as database, database, database.cursor() as cursor:
            cursor.execute(TABLES_SQL)
        told = {"DATABASE_URL": url, "AMQP_URL": bed.vhost(), "PORT": str(chosen[name])}
        for role in ("http", "intake") if name == "nameko" else ("http",):
            environment = {**told, "ROLE": role}
            bed.start(PEERS, ["-m", f"tests.bench.peers.{name}_http"], environment, name=f"command-{name}-{role}")
        found[name] = Target(f"http://127.0.0.1:{chosen[name]}/v1/incidents", "", incident)
    for name in BARE:
        told = {"AMQP_URL": bed.vhost(), "PORT": str(chosen[name])}
        if name == WITH_ROWS:
            told["DATABASE_URL"] = url = bed.database("bare")
            with closing(psycopg2.connect(url)) as database, database, database.cursor() as cursor:
                cursor.execute(TABLES_SQL)
        for role in ("service", "http"):
            bed.start(OURS, ["-m", "tests.bench.command.bare"], {**told, "ROLE": role}, name=f"command-{name}-{role}")
        found[name] = Target(f"http://127.0.0.1:{chosen[name]}/v1/incidents", "", incident)
    return found


async def answers(target: Target) -> bool:
    """Whether one request is accepted (a peer whose broker is not yet declared may answer 500 or nothing)."""
    try:
        wire = await asyncio.wait_for(Wire(target).open(), 5)
        status, body = await asyncio.wait_for(wire.post(next(_numbers)), 5)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
    wire.close()
    assert status < 300 or urlsplit(target.url).port, body
    return status < 300


def numbers(upto: int = 1_000_000) -> int:
    """The first of `upto` numbers that nobody used."""
    return next(_numbers) * upto


def rates(targets: dict[str, Target]) -> dict[int, dict[str, list[Taken]]]:
    """By number in flight, by side: the measured rounds, each of every side once, in turns."""
    found: dict[int, dict[str, list[Taken]]] = {}
    for number in IN_FLIGHT:
        taken: dict[str, list[Taken]] = {name: [] for name in targets}
        for turn in range(RUNS):
            for name in list(targets)[:: -1 if turn % 2 else 1]:
                taken[name].append(asyncio.run(in_flight(targets[name], number, SECONDS, numbers())))
        found[number] = taken
        print(
            f"    {number} in flight: " + "; ".join(f"{n} {_told(rounds)}" for n, rounds in taken.items()), flush=True
        )
    return found


def _told(rounds: list[Taken]) -> str:
    p50, p99 = (statistics.median(each.percentile_ms(share) for each in rounds) for share in (0.5, 0.99))
    refused = sum(each.refused for each in rounds)
    return f"{_rate(rounds):.0f}/s p50 {p50:.1f} p99 {p99:.1f} ms, refused {refused}"


def _rate(rounds: list[Taken]) -> float:
    return statistics.median(each.rate for each in rounds)


async def steady(target: Target, *, stream: bool) -> tuple[Taken, list[float]]:
    """80 a second in an open loop; beside it, for ours, seconds from each 2xx to its first event on the stream."""
    seen: dict[str, float] = {}
    path = "/v1/stream"
    reading = asyncio.create_task(arrivals(target, path, seen)) if stream else None
    await asyncio.sleep(1)
    taken = await open_loop(target, PER_SECOND, OPEN_SECONDS, numbers())
    await asyncio.sleep(1)
    if reading is not None:
        reading.cancel()
    return taken, [max(0.0, seen[each] - at) if each in seen else float("inf") for each, at in taken.accepted.items()]


def run(bed: Bed) -> list[Result]:
    others = peers(bed)
    with product(bed.folder) as ours:
        targets = {"ours": ours, **others}
        for target in targets.values():
            eventually(lambda target=target: asyncio.run(answers(target)), within=40, every=0.2)
        found = rates(targets)
        opened = {name: asyncio.run(steady(each, stream=name == "ours")) for name, each in targets.items()}
    return [*throughput(found), *waiting(opened)]


def throughput(found: dict[int, dict[str, list[Taken]]]) -> list[Result]:
    results = []
    for number, taken in found.items():
        medians = {name: round(_rate(rounds)) for name, rounds in taken.items()}
        mine, limit = medians.pop("ours"), medians.pop("bare")
        if number == 1:
            limit = medians.pop(WITH_ROWS)
        ratio = round(mine / max(1, medians["nameko"]), 2)
        note = "; ".join(f"{name}: {_told(rounds)}" for name, rounds in taken.items())
        goal = f"≥ {GOAL_NAMEKO:g}× stock nameko"
        name = f"command: {number} in flight"
        results.append(Result(name, "commands/s", mine, goal, ratio >= GOAL_NAMEKO, medians, limit, ratio, note))
    return results


def waiting(opened: dict[str, tuple[Taken, list[float]]]) -> list[Result]:
    for name in BARE:
        opened.pop(name)
    p99 = {name: round(taken.percentile_ms(0.99), 1) for name, (taken, _) in opened.items()}
    taken, later = opened["ours"]
    streamed = Taken(seconds=later).percentile_ms(0.99)
    accept, refused = p99.pop("ours"), taken.refused
    note = f"open loop, {PER_SECOND}/s for {OPEN_SECONDS} s: p50 {taken.percentile_ms(0.5):.1f} ms, refused {refused}"
    missing = sum(each == float("inf") for each in later)
    told = (
        f"{len(later)} accepted, {missing} not seen on the stream; p50 {Taken(seconds=later).percentile_ms(0.5):.1f} ms"
    )
    return [
        Result("command: accept p99", "ms", accept, f"≤ {ACCEPT_P99_MS:g} ms", accept <= ACCEPT_P99_MS, p99, note=note),
        Result(
            "command: accept to stream p99",
            "ms",
            round(streamed, 1),
            f"≤ {STREAM_P99_MS:g} ms",
            streamed <= STREAM_P99_MS and not missing,
            note=told,
        ),
    ]
