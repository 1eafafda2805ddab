"""The lock files give what pyproject.toml asks for, each package by its hashes, and no address of any index."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ("registry", "dispatch", "gateway", "drill")
LOCKS = {
    "dev": "requirements.lock",
    "bootstrap": "requirements.bootstrap.lock",
    **{name: f"deploy/docker/{name}.lock" for name in IMAGES},
}
PINNED = re.compile(
    r"^([a-z0-9][a-z0-9._-]*)==[^ ]+(?: ;[^\\]*)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)


def group(name: str) -> set[str]:
    """Names of the packages that a dependency group asks for, those of included groups too."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    found: set[str] = set()
    for entry in groups[name]:
        found |= group(entry["include-group"]) if isinstance(entry, dict) else {re.split(r"[<>=!~\[; ]", entry)[0]}
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_asked_for_is_pinned_with_hashes(name: str) -> None:
    pinned = {package for package, _ in PINNED.findall((ROOT / LOCKS[name]).read_text(encoding="utf-8"))}
    assert group(name) - pinned == set()


@pytest.mark.parametrize("name", LOCKS)
def test_nothing_in_a_lock_is_without_hashes_or_from_an_address(name: str) -> None:
    text = (ROOT / LOCKS[name]).read_text(encoding="utf-8")
    requirements = re.findall(r"^[a-z0-9][^\n]*==", text, re.MULTILINE)
    assert len(requirements) == len(PINNED.findall(text)) > 0
    assert "://" not in text


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_the_versions_that_were_tested(image: str) -> None:
    versions = re.compile(r"^([a-z0-9][a-z0-9._-]*==[^ ]+)", re.MULTILINE)
    tested = set(versions.findall((ROOT / "requirements.lock").read_text(encoding="utf-8")))
    held = set(versions.findall((ROOT / LOCKS[image]).read_text(encoding="utf-8")))
    assert held - tested == set()
    assert len(held) > len(group(image))


def test_every_group_is_part_of_what_is_locked() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    asked = set().union(*(group(name) for name in groups if name != "bootstrap"))
    assert asked == group("dev")
