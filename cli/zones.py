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
        """Raises click.BadParameter, which names the option, for a zone that nobody knows."""
        return value if isinstance(value, ZoneInfo) else _zone_named(value, "--timezone")


def _zone_named(name: str, where: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise click.BadParameter(f"{name!r} is not a time zone", param_hint=where) from error


def timezone_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--timezone`, the county's unless another is named."""
    shown = {"show_default": True, "show_envvar": True}
    return click.option("--timezone", "zone", type=Zone(), default=DEFAULT, envvar=VARIABLE, help=text, **shown)


def county_zone() -> ZoneInfo:
    """The zone that WANGGE_TIMEZONE names, else Asia/Shanghai. Raises click.BadParameter, which names the variable."""
    return _zone_named(os.environ.get(VARIABLE) or DEFAULT, VARIABLE)


def today(zone: ZoneInfo) -> date:
    """The day that it is there."""
    return datetime.now(zone).date()


def yesterday(zone: ZoneInfo) -> date:
    """The last day that is wholly past there."""
    return today(zone) - timedelta(days=1)
