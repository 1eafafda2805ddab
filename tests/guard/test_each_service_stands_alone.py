"""An image holds the folders of one deployable and its dependency group: does it start on that alone?"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
ROOMS = ("service", "sidecar", "admin")
# What an image is made of, by dependency group: what it holds, and what it imports when it is started.
IMAGES: dict[str, tuple[list[str], list[str]]] = {
    "registry": (
        ["contracts", "chassis", "services/__init__.py", "services/registry"],
        [f"services.registry.entrypoints.{room}" for room in ROOMS],
    ),
    "dispatch": (
        ["contracts", "chassis", "services/__init__.py", "services/dispatch"],
        [f"services.dispatch.entrypoints.{room}" for room in ROOMS],
    ),
    "gateway": (["contracts", "chassis", "gateway"], ["gateway.__main__", "gateway.admin"]),
    # Its command imports where it uses.
    "drill": (
        ["chassis", "cli/__init__.py", "cli/api.py", "cli/stages.py", "cli/drill"],
        ["cli.drill.command", "cli.drill.round", "cli.drill.compliance", "chassis.own_port", "chassis.pages"],
    ),
}
pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def run(command: list[str], cwd: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    done = subprocess.run(command, cwd=cwd, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


def image_of(group: str, at: Path) -> Path:
    """A folder and an environment as an image of `group` would have them; the interpreter in it."""
    for part in IMAGES[group][0]:
        (at / part).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_file():
            shutil.copy(ROOT / part, at / part)
        else:
            shutil.copytree(ROOT / part, at / part, ignore=shutil.ignore_patterns("__pycache__"))
    run([str(UV), "venv", "--quiet", "--python", sys.executable, "env"], at)
    python = at / "env" / "bin" / "python"
    wanted = ["--group", f"{ROOT / 'pyproject.toml'}:{group}", "--constraints", str(ROOT / "requirements.lock")]
    # Linked, not copied: the packages lie in uv's cache already, from the bootstrap.
    run([str(UV), "pip", "install", "--quiet", "--link-mode", "symlink", "--python", str(python), *wanted], at)
    return python


@pytest.mark.parametrize("group", IMAGES)
def test_a_service_imports_with_its_own_folders_and_its_own_dependencies_only(group: str, tmp_path: Path) -> None:
    python = image_of(group, tmp_path)
    for module in IMAGES[group][1]:
        run([str(python), "-W", "ignore", "-c", f"import {module}"], tmp_path)


def test_every_image_is_of_a_service_that_the_repository_has() -> None:
    services = {path.parent.name for path in (ROOT / "services").glob("*/entrypoints")}
    assert set(IMAGES) == services | {"gateway", "drill"}
