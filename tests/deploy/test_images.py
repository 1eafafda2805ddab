"""The Dockerfile ships every deployable, each with its own folders and packages, as nobody in particular."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "deploy" / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
STAGE = re.compile(r"^FROM (?P<base>\S+) AS (?P<name>\S+)\n(?P<body>(?:(?!^FROM ).*\n)*)", re.MULTILINE)
DEPLOYABLES = {path.parent.name for path in (ROOT / "services").glob("*/entrypoints")} | {"gateway", "drill"}
# Two commands are shipped, each with what it imports of `cli`; the drill's port is one of chassis.
ACCOUNTS = {"cli/__init__.py", "cli/accounts"}
DRILL = {"chassis", "cli/__init__.py", "cli/api.py", "cli/stages.py", "cli/drill"}


def stages() -> dict[str, str]:
    return {match["name"]: match["body"] for match in STAGE.finditer(DOCKERFILE)}


def shipped() -> dict[str, str]:
    return {name: body for name, body in stages().items() if "\nUSER " in "\n" + body}


def test_every_deployable_of_the_repository_has_an_image_and_no_other_is_made() -> None:
    assert set(shipped()) == DEPLOYABLES
    built = re.search(r"\|\| set -- (.+)", (DOCKER / "build").read_text(encoding="utf-8"))
    assert built is not None
    assert set(built[1].split()) == DEPLOYABLES


@pytest.mark.parametrize("name", sorted(DEPLOYABLES))
def test_an_image_copies_its_own_folders_and_nothing_of_a_neighbour(name: str) -> None:
    copied = [line.split()[1:-1] for line in shipped()[name].splitlines() if re.match(r"COPY (?!--)", line)]
    sources = {source for line in copied for source in line}
    service = {"contracts", "chassis", "services/__init__.py", f"services/{name}"}
    own = {"gateway": {"contracts", "chassis", "gateway", *ACCOUNTS}, "drill": DRILL}
    assert sources == own.get(name, service)
    assert f"COPY --from={name}-packages " in shipped()[name]
    assert f"/build/install {name}\n" in stages()[f"{name}-packages"]


@pytest.mark.parametrize("name", sorted(DEPLOYABLES))
def test_an_image_ends_as_an_account_that_is_a_number_and_not_root(name: str) -> None:
    instructions = [line for line in shipped()[name].splitlines() if line and not line.startswith("#")]
    assert instructions[-1] == "USER 10001:10001"


def test_the_base_is_named_once_and_can_be_pinned_from_outside() -> None:
    bases = {match["base"] for match in STAGE.finditer(DOCKERFILE)}
    assert bases - set(stages()) == {"${PYTHON_IMAGE}"}


def test_nothing_is_sent_to_a_build_but_what_is_named() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    folders = {"contracts", "chassis", "services", "gateway", "cli", "deploy/docker"}
    assert allowed == {*folders, "requirements.bootstrap.lock"}


@pytest.mark.parametrize("path", sorted(DOCKER.rglob("Dockerfile")), ids=str)
def test_hadolint_agrees(path: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", ["role", "install", "build", "local/bases", "local/postgres-entrypoint"])
def test_every_script_beside_it_can_be_started_and_parsed(script: str) -> None:
    assert os.access(DOCKER / script, os.X_OK)
    subprocess.run(["bash", "-n", DOCKER / script], check=True)
