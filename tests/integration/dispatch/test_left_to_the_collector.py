"""What a command has used is freed when it ends, by counting, and never waits for Python's collector."""

import gc
from collections import Counter

import pytest

from tests.integration.dispatch.county import DEV, call_for_help, command

pytestmark = pytest.mark.integration
OURS = ("services.", "chassis.", "contracts.")


def live(dispatch, number):
    """One incident with a recommended team, command by command."""
    reference = f"police110:left-{number}"
    told = (
        command("incident.create", data=call_for_help(f"left-{number}")),
        command("incident.push", incident=reference),
        command("incident.assign", incident=reference, data={"auto": True}),
    )
    for each in told:
        assert dispatch.execute([each], DEV)[0]["ok"]


def test_a_command_leaves_nothing_of_ours_to_the_collector(dispatch, team):
    for number in range(30):
        team(f"P{number}", capacity=20)
    live(dispatch, 1)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        live(dispatch, 2)
        gc.collect()
        left = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert [name for name in left if name.startswith(OURS)] == []
