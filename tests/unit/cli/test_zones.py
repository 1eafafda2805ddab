"""Days and stamps are the county's, wherever the command runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from cli import zones
from cli.county.day.command import day
from cli.replay.command import replay

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Three(datetime):
    """It is three in the morning in Shanghai, and still the day before in UTC."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:
        assert isinstance(tz, ZoneInfo)
        return datetime(2026, 3, 1, 19, tzinfo=UTC).astimezone(tz)


def test_yesterday_is_the_last_whole_day_of_the_county(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zones, "datetime", Three)
    assert str(zones.today(SHANGHAI)) == "2026-03-02"
    assert str(zones.yesterday(SHANGHAI)) == "2026-03-01"
    assert str(zones.yesterday(ZoneInfo("UTC"))) == "2026-02-28"


def test_the_zone_is_shanghai_unless_another_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANGGE_TIMEZONE", raising=False)
    assert zones.county_zone() == SHANGHAI
    monkeypatch.setenv("WANGGE_TIMEZONE", "Asia/Urumqi")
    assert zones.county_zone() == ZoneInfo("Asia/Urumqi")


def test_a_county_in_a_zone_that_nobody_knows_is_told_which_variable(tmp_path: Path) -> None:
    refused = CliRunner().invoke(day, ["--out", str(tmp_path / "day.csv")], env={"WANGGE_TIMEZONE": "Asia/Nowhere"})
    assert refused.exit_code == 2
    assert "'Asia/Nowhere' is not a time zone" in refused.output
    assert "WANGGE_TIMEZONE" in refused.output


@pytest.mark.parametrize("variable", [True, False])
def test_a_zone_that_nobody_knows_is_refused_by_name(variable: bool) -> None:  # noqa: FBT001 a case
    named = {"WANGGE_TIMEZONE": "Asia/Nowhere"} if variable else {}
    option = [] if variable else ["--timezone", "Asia/Nowhere"]
    refused = CliRunner().invoke(replay, [__file__, *option], env=named)
    assert refused.exit_code == 2
    assert "'Asia/Nowhere' is not a time zone" in refused.output
    assert "--timezone" in refused.output
