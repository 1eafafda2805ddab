"""`python -m gateway`: one process, one event loop, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Iterator

import uvicorn
import uvloop

from chassis import logs, tracing
from chassis.settings import describe, load_or_exit
from gateway.app import Gateway
from gateway.connection import Limits, protocol_with
from gateway.routes.edge import AnswerCut
from gateway.settings import GatewaySettings

GRACE_SECONDS = 15
KEEP_ALIVE_SECONDS = 75


class Server(uvicorn.Server):
    """uvicorn without its signal handling, which would end a drained process by the signal instead of with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve`."""
        yield


async def serve(settings: GatewaySettings) -> None:
    """Serve until asked to stop; then readiness goes off, streams end, requests in flight finish."""
    gateway = Gateway(settings)
    config = uvicorn.Config(
        gateway.app,
        host=settings.host,
        port=settings.port,
        http=protocol_with(Limits(settings.head_seconds)),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = Server(config)

    def stop() -> None:
        gateway.drain()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server.serve()


def main() -> None:
    """Read the settings, set up logs and traces, serve. Exits 78 on bad settings, 1 when the port is taken."""
    settings = load_or_exit(GatewaySettings)
    logs.configure("gateway", settings.log_level, settings.instance)
    tracing.configure("gateway")
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    logs.get_logger().info("starting", **describe(settings))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


def _is_news(record: logging.LogRecord) -> bool:
    """A reader that is cut off for not reading ends its connection by an exception; that is no error of ours."""
    return not (record.exc_info and isinstance(record.exc_info[1], AnswerCut))


if __name__ == "__main__":
    main()
