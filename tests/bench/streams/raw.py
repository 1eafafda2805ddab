"""The limit: pika's messages of the stream, gathered for 50 ms, written to every socket as they are.

No HTTP server, no positions, no filters, no heartbeats, no resuming: `python -m tests.bench.streams.raw`.
"""

from __future__ import annotations

import os
import socket
import time

import pika

from chassis.topology import STREAM
from gateway.streams.frames import event_frame

GATHERED_SECONDS = 0.05
HELLO = b'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: "behind":0\n\n'


def main() -> None:
    listening = socket.create_server(("127.0.0.1", int(os.environ["PORT"])), backlog=2000)
    listening.setblocking(False)
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=500)
    frames: list[bytes] = []

    def take(_channel: object, method: object, properties: object, body: bytes) -> None:
        offset = properties.headers["x-stream-offset"]  # type: ignore[attr-defined]
        frames.append(event_frame(offset, method.routing_key, body))  # type: ignore[attr-defined]
        channel.basic_ack(method.delivery_tag, multiple=True)  # type: ignore[attr-defined]

    channel.basic_consume(STREAM, take, arguments={"x-stream-offset": "next"})
    wires: list[socket.socket] = []
    while True:
        until = time.monotonic() + GATHERED_SECONDS
        while (left := until - time.monotonic()) > 0:
            connection.process_data_events(left)
        joined, frames[:] = b"".join(frames), []
        wires = [wire for wire in wires if not joined or wrote(wire, joined)]
        wires += arrivals(listening)


def wrote(wire: socket.socket, data: bytes) -> bool:
    try:
        wire.sendall(data)
    except OSError:
        wire.close()
        return False
    return True


def arrivals(listening: socket.socket) -> list[socket.socket]:
    found = []
    while True:
        try:
            wire, _ = listening.accept()
        except BlockingIOError:
            return found
        wire.setblocking(True)
        wire.recv(4096)
        wire.sendall(HELLO)
        found.append(wire)


if __name__ == "__main__":
    main()
