"""In which zone a county's days begin."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

VARIABLE, DEFAULT = "WANGGE_TIMEZONE", "Asia/Shanghai"


class Zone(click.ParamType):
    """The name of a time zone, as a ZoneInfo."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        """Fails, naming the option, for a name that nobody knows."""
        try:
            return value if isinstance(value, ZoneInfo) else ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            self.fail(f"{value!r} is not a time zone", param, ctx)


def timezone_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--timezone`, the county's unless another is named."""
    shown = {"show_default": True, "show_envvar": True}
    return click.option("--timezone", "zone", type=Zone(), default=DEFAULT, envvar=VARIABLE, help=text, **shown)


def county_zone() -> ZoneInfo:
    """The zone that WANGGE_TIMEZONE names, else Asia/Shanghai. Raises ZoneInfoNotFoundError."""
    return ZoneInfo(os.environ.get(VARIABLE) or DEFAULT)


def today(zone: ZoneInfo) -> date:
    """The day that it is there."""
    return datetime.now(zone).date()


def yesterday(zone: ZoneInfo) -> date:
    """The last day that is wholly past there."""
    return today(zone) - timedelta(days=1)
