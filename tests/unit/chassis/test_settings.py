from dataclasses import FrozenInstanceError, dataclass

import pytest

from chassis.settings import EX_CONFIG, ProcessSettings, SettingsError, describe, env, integer, load, load_or_exit


@dataclass(frozen=True)
class Settings(ProcessSettings):
    database_url: str = env("DATABASE_URL", secret=True)
    amqp_url: str = env("AMQP_URL", secret=True)
    workers: int = env("WANGGE_RPC_WORKERS", default=10, parse=integer(1, 100))
    quota: int = env("WANGGE_QUOTA", parse=integer(0))


COMPLETE = {
    "DATABASE_URL": "postgresql://someone:opensesame@127.0.0.1/dispatch",
    "AMQP_URL": "amqp://someone:opensesame@127.0.0.1/",
    "WANGGE_QUOTA": "3",
}


def test_settings_are_read_and_parsed():
    settings = load(Settings, COMPLETE | {"WANGGE_RPC_WORKERS": " 4 "})
    assert (settings.workers, settings.quota, settings.mode) == (4, 3, "development")
    assert settings.database_url == COMPLETE["DATABASE_URL"]


def test_every_missing_and_every_bad_key_is_named_at_once():
    with pytest.raises(SettingsError) as caught:
        load(Settings, {"WANGGE_RPC_WORKERS": "many", "WANGGE_MODE": "prod", "AMQP_URL": "  "})
    assert set(caught.value.problems) == {
        "DATABASE_URL",
        "AMQP_URL",
        "WANGGE_QUOTA",
        "WANGGE_RPC_WORKERS",
        "WANGGE_MODE",
    }
    assert all(key in str(caught.value) for key in caught.value.problems)


def test_a_number_out_of_its_limits_is_bad():
    with pytest.raises(SettingsError) as caught:
        load(Settings, COMPLETE | {"WANGGE_RPC_WORKERS": "0", "WANGGE_QUOTA": "-1"})
    assert set(caught.value.problems) == {"WANGGE_RPC_WORKERS", "WANGGE_QUOTA"}


def test_an_empty_value_counts_as_absent():
    assert load(Settings, COMPLETE | {"WANGGE_RPC_WORKERS": ""}).workers == 10


def test_secrets_are_shown_nowhere():
    def refuse(text):
        raise ValueError(text)

    @dataclass(frozen=True)
    class Strict:
        key: str = env("WANGGE_MASTER_KEY", secret=True, parse=refuse)

    settings = load(Settings, COMPLETE)
    assert "opensesame" not in repr(settings)
    assert describe(settings)["database_url"] == "***"
    assert describe(settings)["workers"] == 10
    with pytest.raises(SettingsError) as caught:
        load(Strict, {"WANGGE_MASTER_KEY": "opensesame"})
    assert "WANGGE_MASTER_KEY" in str(caught.value)
    assert "opensesame" not in str(caught.value)


def test_settings_are_frozen():
    settings = load(Settings, COMPLETE)
    with pytest.raises(FrozenInstanceError):
        settings.workers = 1


def test_a_process_with_bad_settings_exits_with_the_status_of_a_configuration_error(capsys):
    with pytest.raises(SystemExit) as caught:
        load_or_exit(Settings, {})
    assert caught.value.code == EX_CONFIG == 78
    assert "DATABASE_URL: missing" in capsys.readouterr().err
