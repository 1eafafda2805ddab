"""The limit: our link on pika, 500 deliveries an insert and a commit, published pipelined, confirmed, one multiple ack.

No inbox, no outbox, no order, no retry: a crash between commit and publish loses what the hop may never lose.
"""

import os
from uuid import uuid4

import pika
import psycopg2
from psycopg2.extras import execute_values

from chassis.link import Link, Message
from tests.bench.hop.names import SINK

BATCH = 500


def main() -> None:
    database = psycopg2.connect(os.environ["DATABASE_URL"])
    got: list[tuple[int, str, bytes]] = []
    with Link(os.environ["AMQP_URL"], name="raw hop") as link:
        link.consume(
            "raw.in", 4 * BATCH, lambda _c, method, p, body: got.append((method.delivery_tag, p.message_id, body))
        )
        while True:
            link.step(0.1 if not got else 0)
            if got:
                batch = got[:BATCH]
                del got[:BATCH]
                with database.cursor() as cursor:
                    execute_values(cursor, "INSERT INTO seen VALUES %s", [(m,) for _, m, _ in batch], page_size=BATCH)
                database.commit()
                sent = [
                    Message("", SINK, body, pika.BasicProperties(message_id=str(uuid4()), delivery_mode=2))
                    for _, _, body in batch
                ]
                assert not any(link.publish_all(sent, 10))
                link.ack(batch[-1][0], multiple=True)


if __name__ == "__main__":
    main()
