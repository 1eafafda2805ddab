"""Messages and methods of the release before are still there: while both are at work, its gateway calls ours.

The committed baseline of the contracts says the same (tests/contract/test_evolution.py), but may be edited with them.
"""

from __future__ import annotations

import ast
import json
import subprocess

import pytest

from cli.stack.instance import CHECKOUT
from contracts.documents import schema_documents
from contracts.evolution import breaks, shape
from tests.upgrade import releases

SERVICES = sorted(path.parent.parent.name for path in CHECKOUT.glob("services/*/entrypoints/service.py"))


def as_it_was(previous_release: str, file: str) -> str:
    command = ["git", "show", f"{previous_release}:{file}"]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout


def methods(source: str) -> dict[str, ast.arguments]:
    """What can be called, by name."""
    return {
        node.name: node.args
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "rpc"
    }


def broken(before: dict[str, ast.arguments], now: dict[str, ast.arguments]) -> list[str]:
    """What somebody who calls as before will stumble on: everything is called by keyword."""
    found = [f"{name}: gone" for name in before if name not in now]
    for name, arguments in now.items():
        if name in before:
            known, asked = accepted(before[name]), required(arguments)
            found += [f"{name}: asks for {each}" for each in asked - required(before[name])]
            if arguments.kwarg is None:
                found += [f"{name}: no longer takes {each}" for each in known - accepted(arguments)]
    return sorted(found)


def accepted(arguments: ast.arguments) -> set[str]:
    return {each.arg for each in (*arguments.args, *arguments.kwonlyargs)} - {"self"}


def required(arguments: ast.arguments) -> set[str]:
    plain = arguments.args[: len(arguments.args) - len(arguments.defaults)]
    keyword = [each for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if not default]
    return {each.arg for each in (*plain, *keyword)} - {"self"}


@pytest.mark.parametrize("service", SERVICES)
def test_every_method_that_the_gateway_before_calls_is_there_and_asks_for_no_more(
    previous_release: str, service: str
) -> None:
    file = f"services/{service}/entrypoints/service.py"
    before = methods(as_it_was(previous_release, file))
    assert before, "no method found: this test would not notice anything"
    assert broken(before, methods((CHECKOUT / file).read_text(encoding="utf-8"))) == []


def test_every_message_of_the_release_before_can_still_be_read_and_is_still_sent(previous_release: str) -> None:
    before = json.loads(as_it_was(previous_release, "contracts/baseline.json"))
    now = {stem: shape(document) for stem, document in schema_documents().items()}
    assert set(before) - set(now) == set()
    changed = {stem: breaks(known, now[stem], asked=stem.startswith("command.")) for stem, known in before.items()}
    assert {stem: what for stem, what in changed.items() if what} == {}


def test_the_release_before_is_one_that_this_checkout_grew_from_and_the_changelog_names(previous_release: str) -> None:
    command = ["git", "merge-base", "--is-ancestor", previous_release, "HEAD"]
    assert subprocess.run(command, cwd=CHECKOUT, check=False).returncode == 0
    # Whoever upgrades learns there from where it goes without a stop.
    assert releases.previous()[:7] in (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")


BEFORE = """
class S:
    @rpc(permission="p")
    def ask(self, a, b=1): ...
    @rpc(permission="p")
    def go(self): ...
"""


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (BEFORE.replace("def go", "def went"), ["go: gone"]),
        (BEFORE.replace("b=1", "b=1, c=2"), []),
        (BEFORE.replace("b=1", "b=1, *, c"), ["ask: asks for c"]),
        (BEFORE.replace("b=1", "c=1"), ["ask: no longer takes b"]),
        (BEFORE.replace("b=1", "b=1, **more"), []),
    ],
)
def test_what_stops_a_gateway_of_the_release_before_is_found(now: str, said: list[str]) -> None:
    assert broken(methods(BEFORE), methods(now)) == said
