"""A short seeded simulation; the long one is `make simulate LIFECYCLES=1000000`."""

import json
import signal
import subprocess
import sys

import pytest

from contracts.catalogue import load_command
from contracts.dispatch.commands import DATA
from contracts.names import INCIDENT_FACTS
from services.dispatch.application import execute
from tests.model.reading import ShortReader
from tests.model.report import ROOT, code, take_up
from tests.model.running import SEEDS_APART, live, order_of, simulate
from tests.model.simulate import INTERRUPTED
from tests.support.eventually import eventually

LIFECYCLES = 2_000
SOME = 400
# What must have happened in it; otherwise it proves less than it says.
FAULTS = (
    "answer lost", "clock answer lost", "clock claimed by two", "clock fired twice", "clock killed before commit",
    "clock killed between steps", "clock late", "clock of the source wrong", "database away",
    "deadline skipped while locked", "delayed", "duplicated", "key used twice", "killed before commit",
    "killed between steps", "phone offline", "read back from rows", "reordered", "stale deadline fired",
    "twin at the same key",
)  # fmt: skip


@pytest.mark.timeout(240)
def test_two_thousand_lifecycles_break_no_promise():
    report = simulate(order_of(1, LIFECYCLES), processes=2)
    assert report.violations == []
    assert report.lifecycles == LIFECYCLES
    assert [fault for fault in FAULTS if not report.faults[fault]] == []
    # Each command of the contract was done, refused, and struck by a fault of the replica that had it.
    heard = [f"{command} {how}" for command in DATA for how in ("done", "refused", "struck")]
    heard += ["incident.assign of several", "incident.assign of a part"]
    assert [each for each in heard if not report.commands[each]] == []
    assert [fact for fact in INCIDENT_FACTS if not report.facts[fact]] == []


def test_the_same_seed_gives_the_same_figures_however_many_processes_share_it():
    alone = live(range(3 * SEEDS_APART, 3 * SEEDS_APART + 60))
    shared = simulate(order_of(3, 60), processes=2)
    assert (alone.faults, alone.lived, alone.violations) == (shared.faults, shared.lived, shared.violations)


def test_the_short_way_to_read_a_command_gives_what_the_contract_gives(monkeypatch):
    short, read = ShortReader(), []

    def both(raw):
        read.append(raw)
        assert short(raw) == load_command(raw)
        return load_command(raw)

    monkeypatch.setattr(execute, "load_command", both)
    assert live(range(60)).violations == []
    assert len({raw["command"] for raw in read}) > 15


@pytest.mark.timeout(240)
def test_a_run_that_is_stopped_says_how_far_it_came_and_goes_on_from_there(tmp_path):
    path = tmp_path / "report.json"
    command = [sys.executable, "-m", "tests.model.simulate", "--seed=9", f"--lifecycles={SOME}", f"--json={path}"]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    eventually(path.exists, within=60)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == INTERRUPTED
    stopped = json.loads(path.read_text())
    assert stopped["ended"] == "interrupted"
    assert 0 < stopped["lifecycles"] < SOME
    assert subprocess.run([*command, "--resume"], cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode == 0
    whole = json.loads(path.read_text())
    at_one_go = simulate(order_of(9, SOME), processes=2)
    assert (whole["ended"], whole["done"]) == ("complete", sorted(at_one_go.done))
    assert (whole["lived"], whole["faults"]) == (dict(at_one_go.lived), dict(at_one_go.faults))


def test_a_run_goes_on_from_no_other_run(tmp_path):
    path = tmp_path / "report.json"
    simulate(order_of(9, 2), path=path)
    with pytest.raises(SystemExit, match="of other seeds"):
        take_up(path, order_of(8, 2))
    path.write_text(path.read_text().replace(code()["code"], "another"))
    with pytest.raises(SystemExit, match="of other code"):
        take_up(path, order_of(9, 2))
