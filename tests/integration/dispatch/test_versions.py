"""`if_version` under races: of many who saw the same version, one changes it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.dispatch.county import DEV, command

pytestmark = pytest.mark.integration
AT_ONCE = 6


def outcomes(dispatch, commands):
    """The problem codes of commands sent at the same time, None for what was done."""
    with ThreadPoolExecutor(len(commands)) as pool:
        answers = list(pool.map(lambda each: dispatch.execute([each], DEV)[0], commands))
    return [None if answer["ok"] else answer["problem"]["code"] for answer in answers]


def test_of_those_who_saw_the_same_version_of_an_incident_one_changes_it(dispatch, rows, incident):
    seen = incident()
    notes = [command("incident.note", incident=seen, if_version=1, data={"note": str(n)}) for n in range(AT_ONCE)]
    found = outcomes(dispatch, notes)
    assert sorted(found, key=str) == [None] + ["version_mismatch"] * (AT_ONCE - 1)
    assert rows("SELECT version FROM incident WHERE incident_id = :id", id=seen) == [(2,)]


def test_of_those_who_saw_the_same_version_of_a_team_one_changes_it(dispatch, rows, team):
    seen = team("V1")
    changes = [command("team.change", team="V1", if_version=1, data={"capacity": 2 + n}) for n in range(AT_ONCE)]
    found = outcomes(dispatch, changes)
    assert sorted(found, key=str) == [None] + ["version_mismatch"] * (AT_ONCE - 1)
    ((version, capacity),) = rows("SELECT version, capacity FROM team WHERE team_id = :id", id=seen)
    assert (version, capacity) == (2, 2 + found.index(None))


def test_a_command_for_an_assignment_asks_for_the_version_of_its_incident(do, incident, team):
    seen, sign = incident(), "V2"
    team(sign)
    do("incident.push", incident=seen)
    version = do("incident.assign", incident=seen, data={"team": sign})["version"]
    refused = do("assignment.accept", incident=seen, team=sign, if_version=version - 1)
    assert (refused["code"], refused["current_version"]) == ("version_mismatch", version)
    assert do("assignment.accept", incident=seen, team=sign, if_version=version)["version"] > version
