"""Command groups whose commands are imported when they are used: `wangge up` must not load what `replay` needs."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """`commands_at` maps a command's name to where it is: "module:attribute"."""

    def __init__(self, *args: Any, commands_at: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands_at = dict(commands_at or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *(name for name in self.commands_at if self._is_here(name))]

    def _is_here(self, name: str) -> bool:
        """An image may carry fewer commands than the index names: what is absent is not offered."""
        return importlib.util.find_spec(self.commands_at[name].partition(":")[0]) is not None

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = self.commands_at.get(cmd_name)
        if place is None or not self._is_here(cmd_name):
            return super().get_command(ctx, cmd_name)
        module, _, attribute = place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{place} is not a command")
        return command
