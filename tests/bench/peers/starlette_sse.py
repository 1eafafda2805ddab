"""Starlette on uvicorn and uvloop: a StreamingResponse a reader, fed by an asyncio.Queue of its own; aio-pika.

The broadcast that one finds in most tutorials: no positions, no resuming, no heartbeats, no back-pressure.
"""

import asyncio
import os
from contextlib import asynccontextmanager

import aio_pika
import uvicorn
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

readers: set[asyncio.Queue] = set()


@asynccontextmanager
async def lifespan(_app):
    connection = await aio_pika.connect(os.environ["AMQP_URL"])
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=500)
    queue = await channel.get_queue("events", ensure=False)
    await queue.consume(take, arguments={"x-stream-offset": "next"})
    yield
    await connection.close()


async def take(message) -> None:
    offset = message.headers["x-stream-offset"]
    frame = b"id: %d\nevent: %b\ndata: %b\n\n" % (offset, message.routing_key.encode(), message.body)
    for reader in readers:
        reader.put_nowait(frame)
    await message.ack()


async def stream(_request):
    async def frames():
        own = asyncio.Queue()
        readers.add(own)
        try:
            yield b': "behind":0\n\n'
            while True:
                yield await own.get()
        finally:
            readers.discard(own)

    return StreamingResponse(frames(), media_type="text/event-stream")


app = Starlette(routes=[Route("/v1/stream", stream)], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False, loop="uvloop", http="httptools")
