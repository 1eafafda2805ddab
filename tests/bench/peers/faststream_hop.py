"""FastStream on aio-pika, asyncpg with a pool; persistent, confirmed, 100 events in work, one commit an event."""

import asyncio
import os

import asyncpg
import uvloop
from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue

broker = RabbitBroker(os.environ["AMQP_URL"], default_channel=Channel(prefetch_count=100), logger=None)
app = FastStream(broker, logger=None)
database: list[asyncpg.Pool] = []


@broker.subscriber(
    RabbitQueue("faststream.in", queue_type=QueueType.QUORUM, durable=True),
    ack_policy=AckPolicy.NACK_ON_ERROR,
    no_reply=True,
)
async def on_event(payload: dict) -> None:
    await database[0].execute("INSERT INTO seen VALUES ($1)", payload["id"])
    await broker.publish(payload, queue="sink.out", persist=True)


async def main() -> None:
    database.append(await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=20, max_size=20))
    await app.run()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(main())
