"""The servers that every other integration test stands on."""

import pika
import psycopg2

from tests.support.databases import DatabaseFactory
from tests.support.vhosts import VhostFactory


def ask(url: str, query: str) -> object:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()[0]
    finally:
        connection.close()


def test_a_fresh_database_belongs_to_its_own_role_and_has_the_extensions_asked_for(
    new_database: DatabaseFactory,
) -> None:
    url = new_database("registry", role="registry", extensions=["postgis"])
    assert ask(url, "SELECT current_user").startswith("registry_")
    assert ask(url, "SELECT postgis_version()").startswith("3.")
    assert ask(url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


def test_two_databases_of_one_name_are_two_databases(new_database: DatabaseFactory) -> None:
    first, second = new_database("twin"), new_database("twin")
    assert ask(first, "SELECT current_database()") != ask(second, "SELECT current_database()")


def test_a_message_sent_in_one_vhost_is_not_seen_in_another(new_vhost: VhostFactory) -> None:
    first, second = new_vhost(), new_vhost()
    with pika.BlockingConnection(pika.URLParameters(first)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("post", durable=True, arguments={"x-queue-type": "quorum"})
        channel.basic_publish("", "post", b"hello", mandatory=True)
    with pika.BlockingConnection(pika.URLParameters(second)) as connection:
        channel = connection.channel()
        assert channel.queue_declare("post", durable=True).method.message_count == 0
