"""A broker connection on asyncio that comes back by itself (pika's callbacks turned into awaitables)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel
from pika.exceptions import AMQPError

from chassis.logs import get_logger

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 3.0
HEARTBEAT_SECONDS = 20
CONNECT_SECONDS = 5.0
GOODBYE_SECONDS = 1.0

log = get_logger()


def parameters(url: str, name: str) -> pika.URLParameters:
    """Connection parameters that notice a dead broker within a minute and name the connection for an operator."""
    found = pika.URLParameters(url)
    found.heartbeat = HEARTBEAT_SECONDS
    found.socket_timeout = CONNECT_SECONDS
    found.stack_timeout = CONNECT_SECONDS
    found.connection_attempts = 1
    found.client_properties = {"connection_name": name}
    return found


async def ask(channel: Channel, method: Callable[..., Any], **arguments: Any) -> Any:
    """Call a channel method that answers by callback. Raises what closed the channel if it closes first."""
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def answered(frame: Any) -> None:
        if not done.done():
            done.set_result(frame)

    def closed(_channel: Channel, reason: BaseException) -> None:
        if not done.done():
            done.set_exception(reason)

    channel.add_on_close_callback(closed)
    method(callback=answered, **arguments)
    return await done


async def open_channel(connection: AsyncioConnection) -> Channel:
    """A new channel. The caller races this against the loss of the connection (`Link` does)."""
    done: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()

    def opened(channel: Channel) -> None:
        if not done.done():
            done.set_result(channel)

    connection.channel(on_open_callback=opened)
    return await asyncio.wait_for(done, CONNECT_SECONDS)


class Link:
    """Keeps one connection open: connects, sets it up, and does both again with back-off when it is lost.

    `setup` runs on every new connection; `lost` runs once after each connection that had been made.
    """

    def __init__(
        self, url: str, name: str, setup: Callable[[AsyncioConnection], Awaitable[None]], lost: Callable[[], None]
    ) -> None:
        self._parameters = parameters(url, name)
        self._name = name
        self._setup = setup
        self._lost = lost
        self._task: asyncio.Task[None] | None = None
        self._ended: asyncio.Future[BaseException] | None = None
        self.up = asyncio.Event()
        self.connection: AsyncioConnection | None = None

    def start(self) -> None:
        """Begin connecting; returns at once, `up` is set when the link can be used."""
        self._task = asyncio.create_task(self._run(), name=f"link {self._name}")

    async def stop(self) -> None:
        """Close the connection and stop coming back."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._ended is not None:
            await asyncio.wait([self._ended], timeout=GOODBYE_SECONDS)

    def drop(self) -> None:
        """Give the present connection up and make a new one (its channel is of no more use)."""
        if self.connection is not None and self.connection.is_open:
            self.connection.close()

    async def _run(self) -> None:
        delay = FIRST_DELAY_SECONDS
        while True:
            try:
                if await self._live_once():
                    delay = FIRST_DELAY_SECONDS
            except (AMQPError, OSError, TimeoutError) as error:
                log.warning("broker connection failed", link=self._name, reason=type(error).__name__)
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - spreads reconnects, keeps no secret
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)

    async def _live_once(self) -> bool:
        """Connect, set up, wait for the end. True when the link had come up."""
        connection, ended = await self._connect()
        self._ended = ended
        setup = asyncio.ensure_future(self._setup(connection))
        either: list[asyncio.Future[Any]] = [setup, ended]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not setup.done():
                return False
            setup.result()
            self.connection = connection
            self.up.set()
            log.info("broker connection up", link=self._name)
            reason = await asyncio.shield(ended)
            log.warning("broker connection lost", link=self._name, reason=type(reason).__name__)
            return True
        finally:
            setup.cancel()
            self.up.clear()
            self.connection = None
            if not (connection.is_closing or connection.is_closed):
                connection.close()
            self._lost()

    async def _connect(self) -> tuple[AsyncioConnection, asyncio.Future[BaseException]]:
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[AsyncioConnection] = loop.create_future()
        ended: asyncio.Future[BaseException] = loop.create_future()

        def connected(connection: AsyncioConnection) -> None:
            if not opened.done():
                opened.set_result(connection)

        def failed(_connection: AsyncioConnection, reason: BaseException) -> None:
            if not opened.done():
                opened.set_exception(reason)

        def closed(_connection: AsyncioConnection, reason: BaseException) -> None:
            if not ended.done():
                ended.set_result(reason)

        AsyncioConnection(
            self._parameters, on_open_callback=connected, on_open_error_callback=failed, on_close_callback=closed
        )
        return await opened, ended
