"""deploy/broker/permissions.json on a real node: each service can do its work, and nothing of another's."""

import json
from collections.abc import Callable
from pathlib import Path

import pika
import pika.exceptions
import pytest

from chassis import topology
from cli.stack import compose_secrets
from cli.stack.broker import VHOST, BrokerNode
from cli.stack.parts import read_parts
from services.dispatch import bootstrap as dispatch
from services.dispatch.entrypoints.subscriptions import COMMANDS, GRID_TREE
from services.registry import bootstrap as registry

ROOT = Path(__file__).resolve().parents[2]
PERMISSIONS = json.loads((ROOT / compose_secrets.PERMISSIONS).read_text(encoding="utf-8"))
PASSWORDS = {user: f"{user}-password" for user in ("wangge_admin", *read_parts().user_names)}
RPC = (topology.RPC_EXCHANGE, "topic")
pytestmark = pytest.mark.integration

UrlOf = Callable[[str], str]


@pytest.fixture(scope="module")
def url_of(broker_node: BrokerNode | None, tmp_path_factory: pytest.TempPathFactory) -> UrlOf:
    """The URL of one of our users on the private node, with the definitions that the compose file mounts."""
    if broker_node is None:
        pytest.skip("AMQP_URL names a broker whose users are somebody else's")
    made = compose_secrets.definitions(PERMISSIONS, {**PASSWORDS, "wangge_admin": broker_node.password})
    file = tmp_path_factory.mktemp("broker") / "definitions.json"
    file.write_text(json.dumps(made), encoding="utf-8")
    file.parent.chmod(0o755)
    broker_node.control("import_definitions", str(file))
    registry.declare(url_with(broker_node, "registry"))
    dispatch.declare(url_with(broker_node, "dispatch"))
    topology.declare(url_with(broker_node, "dispatch"), [], [GRID_TREE, COMMANDS])
    assert not refused(url_with(broker_node, "gateway"), lambda channel: channel.exchange_declare(*RPC, durable=True))
    return lambda user: url_with(broker_node, user)


def url_with(node: BrokerNode, user: str) -> str:
    return f"amqp://{user}:{PASSWORDS[user]}@127.0.0.1:{node.port}/{VHOST}"


def refused(url: str, act: Callable[[pika.channel.Channel], object]) -> bool:
    """Whether the broker closes the channel on that act; a confirm tells that a publish went through."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    closed_with = 0
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        act(channel)
    except pika.exceptions.ChannelClosedByBroker as closed:
        closed_with = closed.reply_code
    finally:
        if connection.is_open:
            connection.close()
    # Anything but 403 means that the question was wrong: what was asked for is not there.
    assert closed_with in {0, pika.spec.ACCESS_REFUSED}
    return bool(closed_with)


def publish(exchange: str, key: str) -> Callable[[pika.channel.Channel], object]:
    return lambda channel: channel.basic_publish(exchange, key, b"{}")


def test_every_user_that_logs_in_has_its_permissions_and_no_user_is_left_over() -> None:
    assert set(PERMISSIONS["users"]) == set(read_parts().user_names)


def test_a_service_publishes_its_own_facts(url_of: UrlOf) -> None:
    assert not refused(url_of("dispatch"), publish("dispatch.events", "wangge.dispatch.incident.noted.v1"))
    assert not refused(url_of("registry"), publish("registry.events", "wangge.registry.grid.changed.v1"))


@pytest.mark.parametrize(
    ("user", "exchange", "key"),
    [
        ("registry", "dispatch.events", "wangge.dispatch.incident.closed.v1"),
        ("dispatch", "registry.events", "wangge.registry.grid.changed.v1"),
        ("dispatch", "dispatch.events", "wangge.registry.grid.changed.v1"),
        ("gateway", "dispatch.events", "wangge.dispatch.incident.closed.v1"),
        ("gateway", "dispatch.commands", "incident.close"),
        ("gateway", "", "dispatch.commands"),
        ("dispatch", "nameko-rpc", "registry.tree"),
        ("registry", "nameko-rpc", "dispatch.execute"),
    ],
)
def test_nobody_speaks_in_anothers_name(url_of: UrlOf, user: str, exchange: str, key: str) -> None:
    assert refused(url_of(user), publish(exchange, key))


@pytest.mark.parametrize(("user", "queue"), [("gateway", "dispatch.commands"), ("registry", "dispatch.grid-tree")])
def test_nobody_reads_anothers_messages(url_of: UrlOf, user: str, queue: str) -> None:
    assert refused(url_of(user), lambda channel: channel.basic_get(queue))


def test_the_gateway_calls_services_and_hears_its_own_answers(url_of: UrlOf) -> None:
    key = "0" * 32
    assert not refused(url_of("gateway"), publish("nameko-rpc", "dispatch.get_incident"))

    def listen(channel: pika.channel.Channel) -> None:
        channel.queue_declare(f"rpc.reply-gateway-{key}", exclusive=True, auto_delete=True)
        channel.queue_bind(f"rpc.reply-gateway-{key}", "nameko-rpc", key)

    assert not refused(url_of("gateway"), listen)
    assert refused(url_of("gateway"), lambda channel: channel.queue_bind("events", "dispatch.events", "#"))
