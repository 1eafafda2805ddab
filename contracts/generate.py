"""``python -m contracts.generate``: writes what is derived from the schemas, beside them.

- ``schemas/*.json``, one JSON Schema a message, and ``asyncapi.json``: always written anew.
- ``baseline.json``: what has been promised; new paths are added, nothing in it changes. A schema that breaks it is
  not written.
- ``examples/*.json``: a first example for an event or command that has none; a golden example, once there, is never
  rewritten.
"""

import sys
from pathlib import Path
from typing import Any

import orjson

from contracts.asyncapi import document as asyncapi
from contracts.documents import example_of, schema_documents
from contracts.evolution import breaks, remember, shape

HOME = Path(__file__).parent


def stored(name: str) -> Any:
    """A generated file as it lies in the repository; ``{}`` when it is not there."""
    path = HOME / name
    return orjson.loads(path.read_bytes()) if path.exists() else {}


def generated() -> dict[str, Any]:
    """File name to content of everything that is always written anew."""
    schemas = {f"schemas/{stem}.json": document for stem, document in schema_documents().items()}
    return {**schemas, "asyncapi.json": asyncapi()}


def promised() -> dict[str, Any]:
    """The baseline with what is new in the current schemas."""
    baseline = stored("baseline.json")
    current = {stem: shape(document) for stem, document in schema_documents().items()}
    return {**baseline, **{stem: remember(baseline.get(stem, {}), now) for stem, now in current.items()}}


def broken() -> list[str]:
    """What the current schemas do to those who rely on the committed baseline."""
    current = {stem: shape(document) for stem, document in schema_documents().items()}
    baseline = stored("baseline.json")
    gone = [f"{stem}: the message is gone" for stem in baseline if stem not in current]
    return gone + [
        f"{stem}: {what}"
        for stem, before in baseline.items()
        if stem in current
        for what in breaks(before, current[stem], asked=stem.startswith("command."))
    ]


def text(content: Any) -> bytes:
    """`content` as it is written: two spaces, keys in their own order, a newline at the end."""
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _write(name: str, content: Any) -> None:
    path = HOME / name
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_bytes() != text(content):
        path.write_bytes(text(content))


def main() -> int:
    """Write everything; 1 when a schema breaks what was promised."""
    wrong = broken()
    if wrong:
        sys.stderr.write(
            "\n".join([*wrong, "These break the version they are in: add a new version beside it."]) + "\n"
        )
        return 1
    files = generated()
    for name, content in files.items():
        _write(name, content)
    for leftover in (HOME / "schemas").glob("*.json"):
        if f"schemas/{leftover.name}" not in files:
            leftover.unlink()
    _write("baseline.json", promised())
    for stem, document in schema_documents().items():
        if not stem.startswith("answer.") and not (HOME / f"examples/{stem}.json").exists():
            _write(f"examples/{stem}.json", example_of(document))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
