"""Closed lists of codes with the words a user reads; each list is a json file beside the owner's module."""

from dataclasses import dataclass
from importlib.resources import files

import orjson


@dataclass(frozen=True, slots=True)
class Code:
    """A code with its Chinese and its English words."""

    code: str
    zh: str
    en: str


def read(package: str, name: str) -> bytes:
    """The bytes of a data file that lies in `package`."""
    return files(package).joinpath(name).read_bytes()


def load(package: str) -> dict[str, dict[str, Code]]:
    """Every list in the package's ``labels.json``: name of the list, then code."""
    lists = orjson.loads(read(package, "labels.json"))
    return {name: {row["code"]: Code(**row) for row in rows} for name, rows in lists.items()}
