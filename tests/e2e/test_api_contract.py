"""The whole API against its own OpenAPI document, from outside: what Schemathesis derives from it, good and bad.

No server error, no undocumented status, no answer that breaks its schema, nothing accepted that the document forbids,
no route open without a token.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.stack.address import address
from tests.e2e.county import County

HERE = Path(__file__).parent
SEED = "115"
# What is derived is known beforehand; on two quiet cores it is about a minute and a half.
SECONDS = 420
LEAST_CASES = 3000


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    """A county of its own: what is left in it afterwards is nonsense."""
    county = County(f"api-{os.getpid()}")
    try:
        county.fill(tmp_path_factory.mktemp("county"))
        yield county
    finally:
        county.close()


def parameters(county: County) -> str:
    """An incident, a team and an assignment that are there, so that the cases come further than 404."""
    team = county.get("/v1/teams")["teams"][0]["call_sign"]
    call = {"source": "police", "category": "fight", "priority": 1, "location": {"lat": 29.08, "lon": 119.65}}
    incident = county.post("/v1/incidents", {**call, "push": True}).json()["incident_id"]
    assigned = county.post(f"/v1/incidents/{incident}/assignments", {"team": team}).json()
    known = {"incident": incident, "team": team, "assignment": assigned["assignment_id"]}
    return "\n".join(["[parameters]", *(f'{name} = "{value}"' for name, value in known.items()), "", ""])


@pytest.mark.timeout(SECONDS + 120)
def test_the_api_is_what_its_document_says(fuzzed: County, tmp_path: Path) -> None:
    where = address(fuzzed.instance)
    document, config = tmp_path / "openapi.json", tmp_path / "schemathesis.toml"
    document.write_bytes(fuzzed.client.get("/openapi.json").content)
    config.write_text(parameters(fuzzed) + (HERE / "schemathesis.toml").read_text(encoding="utf-8"), encoding="utf-8")
    said = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "--no-color", "--config-file",
            str(config), "run", str(document), "--url", where.url, "--header",
            f"Authorization: Bearer {where.token}", "--phases", "examples,coverage", "--continue-on-failure", "--seed",
            SEED, "--suppress-health-check", "all", "--request-timeout", "30",
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=SECONDS,
    ).stdout  # fmt: skip
    cases = re.search(r"(\d+) generated", said)
    assert cases is not None, said[-4000:]
    assert "failure" not in said.splitlines()[-1], said[-20000:]
    assert "error" not in said.splitlines()[-1], said[-20000:]
    assert int(cases[1]) >= LEAST_CASES
    print(f"{cases[1]} cases derived from the document")
