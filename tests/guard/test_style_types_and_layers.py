"""ruff, mypy and import-linter, as `make lint` runs them, so that `make test` cannot pass without them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
COMMANDS = {
    "style": ["ruff", "check", "--output-format", "concise", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "layers": ["lint-imports", "--no-cache"],
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("what", COMMANDS)
def test_the_linters_agree(what: str) -> None:
    program, *arguments = COMMANDS[what]
    done = subprocess.run(
        [str(BIN / program), *arguments], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, f"{program}:\n{done.stdout[-6000:]}{done.stderr[-2000:]}"


def test_make_lint_runs_all_that_this_file_runs() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nlint:")[2].partition("\n\n")[0]
    assert all(command[0] in recipe for command in COMMANDS.values())
