"""Rules of the house that no linter knows: sizes, names, what the domain may import, what may never be committed."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE, LONGEST_FUNCTION = 300, 40
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
# Put together here, so that this file does not hold what it looks for.
REGISTRY_HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))]
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")


def committed(*patterns: str) -> list[Path]:
    """Files git knows (or would know): a scratch file that is ignored breaks no rule."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def sources() -> list[Path]:
    return committed("*.py")


def functions(path: Path) -> list[tuple[str, int]]:
    """Name and length of every function, without its decorators and its docstring."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            found.append((node.name, (node.end_lineno or 0) - body[0].lineno + 2))
    return found


def test_no_source_file_is_longer_than_a_person_reads_at_once() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert lengths, "no sources found: this test would not notice anything"
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        f"{path.relative_to(ROOT)}::{name}": length
        for path in sources()
        for name, length in functions(path)
        if length > LONGEST_FUNCTION
    }
    assert long == {}


def test_no_module_is_named_after_nothing() -> None:
    stray = [str(path.relative_to(ROOT)) for path in sources() if path.stem in FORBIDDEN_NAMES]
    assert stray == []


def test_init_files_are_empty_in_services() -> None:
    full = [
        str(p.relative_to(ROOT)) for p in committed("services/**/__init__.py") if p.read_text(encoding="utf-8").strip()
    ]
    assert full == []


@pytest.mark.parametrize("service", sorted(p.parent.name for p in (ROOT / "services").glob("*/domain")))
def test_the_domain_imports_the_standard_library_and_itself_only(service: str) -> None:
    allowed = {*sys.stdlib_module_names, "__future__"}
    own = f"services.{service}.domain"
    outside = []
    for path in (ROOT / "services" / service / "domain").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            outside += [
                f"{path.relative_to(ROOT)}:{node.lineno} {name}"  # type: ignore[attr-defined]
                for name in names
                if name.partition(".")[0] not in allowed and name != own and not name.startswith(own + ".")
            ]
    assert outside == []


def test_nothing_committed_names_a_package_registry_or_a_persons_machine() -> None:
    places = [*REGISTRY_HOSTS, "/" + "root/", "/" + "work/"]
    named = {
        f"{path.relative_to(ROOT)}: {place}"
        for path in committed()
        if path.suffix not in {".png", ".gz"}
        for place in places
        if place in path.read_text(encoding="utf-8", errors="ignore")
    }
    assert named == set()


def test_nothing_is_left_for_later_in_the_source() -> None:
    left = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sources()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert left == []
