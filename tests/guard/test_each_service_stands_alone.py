"""An image holds contracts, chassis, one service and that service's dependency group: does it start on that alone?"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
# What an image is made of, by dependency group: the folders it holds, and the modules it starts.
IMAGES = {
    "registry": ("services/registry", ["service", "sidecar", "admin"]),
    "dispatch": ("services/dispatch", ["service", "sidecar", "admin"]),
    "gateway": ("gateway", ["__main__"]),
}
pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


def run(command: list[str], cwd: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    done = subprocess.run(command, cwd=cwd, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


def image_of(group: str, at: Path) -> Path:
    """A folder and an environment as an image of `group` would have them; the interpreter in it."""
    folder, _ = IMAGES[group]
    for part in ("contracts", "chassis", folder):
        shutil.copytree(ROOT / part, at / part, ignore=shutil.ignore_patterns("__pycache__"))
    if folder.startswith("services/"):
        shutil.copy(ROOT / "services" / "__init__.py", at / "services" / "__init__.py")
    run([str(UV), "venv", "--quiet", "--python", sys.executable, "env"], at)
    python = at / "env" / "bin" / "python"
    wanted = ["--group", f"{ROOT / 'pyproject.toml'}:{group}", "--constraints", str(ROOT / "requirements.lock")]
    # Linked, not copied: the packages lie in uv's cache already, from the bootstrap.
    run([str(UV), "pip", "install", "--quiet", "--link-mode", "symlink", "--python", str(python), *wanted], at)
    return python


@pytest.mark.parametrize("group", IMAGES)
def test_a_service_imports_with_its_own_folders_and_its_own_dependencies_only(group: str, tmp_path: Path) -> None:
    python = image_of(group, tmp_path)
    folder, modules = IMAGES[group]
    package = folder.replace("/", ".")
    for module in modules:
        entry = f"{package}.{module}" if group == "gateway" else f"{package}.entrypoints.{module}"
        run([str(python), "-W", "ignore", "-c", f"import {entry}"], tmp_path)


def test_every_image_is_of_a_service_that_the_repository_has() -> None:
    services = {path.parent.name for path in (ROOT / "services").glob("*/entrypoints")}
    assert set(IMAGES) == services | {"gateway"}
