"""The benches of whole parts, tiny: that they run and still see what they are there to see, not how fast it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.bed import Bed
from tests.bench.growth import bench as growth
from tests.bench.growth.filling import LIFE
from tests.bench.storm import bench as storm
from tests.bench.storm.verdict import wrong
from tests.bench.streams import bench as streams
from tests.bench.streams.readers import parsed
from tests.support.databases import DatabaseFactory
from tests.support.vhosts import VhostFactory

# The storm starts a stack of its own: half a minute on a quiet machine, minutes on one that ten others use.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture
def bed(new_database: DatabaseFactory, new_vhost: VhostFactory, tmp_path: Path) -> Iterator[Bed]:
    """The session's servers; what a bench starts ends with the test."""
    with Bed(new_database, new_vhost, tmp_path).one_bench() as bed:
        yield bed


def test_every_reader_of_the_stream_bench_gets_every_event_once(bed: Bed) -> None:
    belt = streams.Belt(bed)
    seen = {side: [belt.run(side, 20, 0.5)] for side in ("ours", "raw")}
    assert [(each.delivered, each.missing, each.wrong) for (each,) in seen.values()] == [(1000, 0, 0)] * 2
    late, memory = streams.results(seen)
    assert late.ours > 0
    assert memory.ours < 10_000


def test_the_stream_bench_sees_an_event_that_is_lost_or_doubled() -> None:
    def frames(*numbers: int) -> bytes:
        told = b'id: %d\nevent: x\ndata: {"bench":[%d,%d]}\n\n'
        return b"".join(told % (10 + number, number, 1) for number in numbers)

    faults = {numbers: parsed(frames(*numbers)) for numbers in ((1, 2, 3), (1, 3), (1, 2, 2), (2, 1))}
    assert [found.faults for found in faults.values() if found] == [0, 1, 2, 2]
    gap = parsed(b"event: keep\ndata: {}\n\nevent: gap\ndata: {}\n\n")
    assert gap is not None
    assert gap.faults == 1


def test_growth_lives_whole_lives_and_asks_every_question_at_every_size(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SIZES": (50, 500), "ROUNDS": 1, "SINGLE": 1, "BATCH": 3, "ASKED": 1}.items():
        monkeypatch.setattr(growth, name, value)
    found = growth.run(bed)
    assert [each.name.partition(" (")[0] for each in found] == [
        "growth: a life, single", "growth: a life, batch", "growth: questions",
    ]  # fmt: skip
    assert all(each.ours > 0 and each.ratio for each in found)
    assert found[0].note.count(", single: ") == len(LIFE)


def test_a_small_storm_leaves_nothing_wrong_and_what_is_wrong_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storm, "PEOPLE", "2000")
    with storm.county_of(tmp_path, 60) as county:
        found = storm.storm(county, 60, 0.04)
        assert found.wrong == []
        assert len(found.told.collision) == 12
        # The same evidence with one thing taken away or added is not believed.
        told, tape, targets = found.told, found.tape, {"push": 1.0, "assign": 1.0, "arrive": 5.0}
        assert wrong(county, told, tape, targets) == []
        assert wrong(county, told, tape, {**targets, "arrive": 0.0})
        tape.seen.popitem()
        assert wrong(county, told, tape, targets) == ["1 events never came over the stream"]
