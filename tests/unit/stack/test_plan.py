"""Where the parts of an instance will be, and what each is told."""

from pathlib import Path

import pytest

from chassis.assertions import public_key_of
from cli.stack.address import NotUpError, address
from cli.stack.instance import Instance
from cli.stack.packages import StackError
from cli.stack.parts import read_parts
from cli.stack.plan import Plan, make_plan, read_plan

GIVEN = {"AMQP_URL": "amqp://a:b@127.0.0.1:5672/", "DATABASE_URL": "postgresql://admin:pw@127.0.0.1:5432/postgres"}


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    made = Instance("unit", tmp_path)
    made.make_directory()
    return made


def environment(plan: Plan, name: str) -> dict[str, str]:
    return plan.environment(next(part for part in plan.parts.parts if part.name == name))


def test_a_plan_is_the_same_when_made_again(instance: Instance) -> None:
    first = make_plan(instance, None, GIVEN)
    again = make_plan(instance, None, GIVEN)
    assert (again.remembered, again.secrets) == (first.remembered, first.secrets)
    assert read_plan(instance) == first


def test_every_part_gets_its_own_database_user_and_the_same_master_key(instance: Instance) -> None:
    plan = make_plan(instance, None, GIVEN)
    registry, dispatch = environment(plan, "registry"), environment(plan, "dispatch")
    assert registry["DATABASE_URL"] != dispatch["DATABASE_URL"]
    assert "admin" not in registry["DATABASE_URL"]
    assert registry["WANGGE_MASTER_KEY"] == dispatch["WANGGE_MASTER_KEY"]


def test_what_runs_all_day_is_not_the_role_that_owns_the_tables(instance: Instance) -> None:
    plan = make_plan(instance, None, GIVEN)
    urls = {part.name: environment(plan, part.name).get("DATABASE_URL", "") for part in read_parts().parts}
    owners = {name for name, url in urls.items() if url and "_service:" not in url}
    assert owners == {part.name for part in read_parts().parts if part.kind == "task" and part.service}


def test_the_gateway_is_told_no_master_key_and_no_database_but_its_own(instance: Instance) -> None:
    gateway = environment(make_plan(instance, None, GIVEN), "gateway")
    assert "WANGGE_MASTER_KEY" not in gateway
    assert gateway["DATABASE_URL"].rpartition("/")[2].endswith("gateway")
    assert gateway["WANGGE_TOKEN"].startswith("dev-")


def test_only_the_gateway_can_sign_for_a_person_and_every_service_can_check(instance: Instance) -> None:
    plan = make_plan(instance, None, GIVEN)
    gateway, dispatch = environment(plan, "gateway"), environment(plan, "dispatch")
    assert dispatch["WANGGE_ACTOR_KEYS"] == public_key_of(gateway["WANGGE_ACTOR_KEY"])
    holders = [part.name for part in read_parts().parts if "WANGGE_ACTOR_KEY" in environment(plan, part.name)]
    assert holders == ["gateway"]


def test_a_part_does_not_inherit_the_callers_settings(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANGGE_MODE", "production")
    monkeypatch.setenv("PGPASSWORD", "theirs")
    registry = environment(make_plan(instance, None, GIVEN), "registry")
    assert registry["WANGGE_MODE"] == "development"
    assert "PGPASSWORD" not in registry


def test_on_a_given_server_databases_carry_the_instances_name(instance: Instance) -> None:
    assert make_plan(instance, None, GIVEN).database_name("dispatch") == "wangge_unit_dispatch"


def test_every_port_and_secret_a_part_asks_for_is_planned(instance: Instance) -> None:
    plan = make_plan(instance, None, GIVEN)
    for part in read_parts().parts:
        assert set(part.ports.values()) <= plan.port.keys()
        assert set(part.secrets.values()) <= plan.secrets.keys()


def test_the_address_of_an_instance_that_is_not_up_says_how_to_start_it() -> None:
    with pytest.raises(NotUpError, match="wangge up --instance never-started"):
        address("never-started")


@pytest.mark.parametrize("name", ["../up", "", "Upper", "a b", "x" * 30])
def test_an_instance_name_must_fit_into_file_and_node_names(name: str) -> None:
    with pytest.raises(StackError):
        Instance.named(name)
