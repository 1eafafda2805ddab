"""`python -m gateway`: one process, one event loop, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import resource
import signal
from collections.abc import Iterator

import uvicorn
import uvloop

from chassis import logs, tracing
from chassis.settings import describe, load_or_exit
from chassis.tls import offer_or_exit
from gateway.app import Gateway
from gateway.connection import Limits, protocol_with
from gateway.routes.edge import AnswerCut
from gateway.settings import GatewaySettings
from gateway.socket_connection import MOST_SAID_BYTES, LimitedSocket
from gateway.tls import following

GRACE_SECONDS = 15
KEEP_ALIVE_SECONDS = 75
MOST_FILES = 65_536


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
        ws=LimitedSocket,
        ws_max_size=MOST_SAID_BYTES,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # Ours reads them (gateway/security/proxies.py): uvicorn would believe every proxy on this machine.
        proxy_headers=False,
        date_header=True,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    config.load()
    if (offer := offer_or_exit(settings.key_pair)) is not None:
        config.ssl = following(offer)
    server = Server(config)

    def stop() -> None:
        gateway.drain()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server.serve()


def raise_open_files() -> int:
    """Let this process have as many files as it may: a reader is a socket, and the usual 1,024 are not 5,000.

    The limit that holds now. No further than MOST_FILES, for some systems make a table of that size.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft


def main() -> None:
    """Read the settings, set up logs and traces, serve. Exits 78 on bad settings, 1 when the port is taken."""
    # What is imported lives for ever: the collector need not look through it again and again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    settings = load_or_exit(GatewaySettings)
    logs.configure("gateway", settings.log_level, settings.instance)
    tracing.configure("gateway")
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    logs.get_logger().info("starting", **describe(settings), open_files=raise_open_files())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


def _is_news(record: logging.LogRecord) -> bool:
    """A reader that is cut off for not reading ends its connection by an exception; that is no error of ours.

    Nor is a handshake news to uvicorn, which would write down the caller's address and query.
    """
    if record.exc_info and isinstance(record.exc_info[1], AnswerCut):
        return False
    return '"WebSocket' not in str(record.msg) and not str(record.msg).startswith("connection ")


if __name__ == "__main__":
    main()
