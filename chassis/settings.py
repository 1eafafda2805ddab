"""Settings: one frozen object per process, read once from the environment.

A service derives its own from ``ProcessSettings``, each field made by ``env``: for example
``database_url: str = env("DATABASE_URL", secret=True)``; its entry module calls ``load_or_exit(Settings)`` first.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

EX_CONFIG = 78
"""Exit status for bad settings (sysexits.h); a supervisor does not restart on it."""

_KEY = "wangge.env"
_PARSE = "wangge.parse"
_SECRET = "wangge.secret"  # noqa: S105 (the name of a mark)
_REQUIRED = "wangge.required"

S = TypeVar("S")


class SettingsError(Exception):
    """Names every key that is missing or bad; never a value, for it may be a secret."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__("; ".join(f"{key}: {problem}" for key, problem in self.problems.items()))


def env(name: str, *, default: Any = MISSING, secret: bool = False, parse: Callable[[str], Any] = str) -> Any:
    """A dataclass field read from the environment variable ``name``.

    Without a default the key is required; an empty value counts as absent. ``parse`` raises ValueError for a bad value.
    A secret is left out of ``repr``.
    """
    metadata = {_KEY: name, _PARSE: parse, _SECRET: secret}
    # Every field gets a default, so that subclasses may add required keys; load() refuses the required ones.
    return field(
        default=default if default is not MISSING else None,
        repr=not secret,
        metadata=metadata | {_REQUIRED: default is MISSING},
    )


def load(cls: type[S], environ: Mapping[str, str] | None = None) -> S:
    """An instance of the frozen dataclass ``cls``; SettingsError naming every missing and every bad key at once."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for item in fields(cls):  # type: ignore[arg-type]
        key = item.metadata.get(_KEY)
        if key is None:
            continue
        text = environ.get(key, "").strip()
        if not text:
            if item.metadata[_REQUIRED]:
                problems[key] = "missing"
            continue
        try:
            values[item.name] = item.metadata[_PARSE](text)
        except ValueError as error:
            problems[key] = "bad value" if item.metadata[_SECRET] else f"bad value ({error})"
    if problems:
        raise SettingsError(problems)
    return cls(**values)


def load_or_exit(cls: type[S], environ: Mapping[str, str] | None = None) -> S:
    """``load`` for a process's first line: prints what is wrong and exits with ``EX_CONFIG``."""
    try:
        return load(cls, environ)
    except SettingsError as error:
        # Before logging is set up: how it is set up is among the settings.
        sys.stderr.write(f"设置有误 · bad settings: {error}\n")
        sys.exit(EX_CONFIG)


def describe(settings: object) -> dict[str, Any]:
    """The settings for the log at start: secrets shown as ``***``."""
    return {
        item.name: "***" if item.metadata.get(_SECRET) else getattr(settings, item.name)
        for item in fields(settings)  # type: ignore[arg-type]
    }


def integer(minimum: int | None = None, maximum: int | None = None) -> Callable[[str], int]:
    """A parser for whole numbers within limits, both included."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError("not a whole number") from None
        if (minimum is not None and value < minimum) or (maximum is not None and value > maximum):
            raise ValueError(f"not within {minimum}..{maximum}")
        return value

    return parse


def choice(*allowed: str) -> Callable[[str], str]:
    """A parser for one of a few words."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"not one of {', '.join(allowed)}")
        return text

    return parse


@dataclass(frozen=True)
class ProcessSettings:
    """What every process reads."""

    mode: str = env("WANGGE_MODE", default="development", parse=choice("development", "production"))
    instance: str = env("WANGGE_INSTANCE", default="default")
    log_level: str = env(
        "WANGGE_LOG_LEVEL", default="info", parse=choice("debug", "info", "warning", "error", "critical")
    )
    timezone: str = env("WANGGE_TIMEZONE", default="Asia/Shanghai")
