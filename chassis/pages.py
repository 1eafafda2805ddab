"""A few pages for whoever watches a process, served from a thread of its own, with TLS where it has a certificate."""

import threading
from collections.abc import Callable, Iterable
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from chassis.logs import get_logger
from chassis.tls import Offer

PATIENCE_SECONDS = 5
_log = get_logger()

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True
    offer: Offer | None = None

    def server_bind(self) -> None:
        # Not HTTPServer's: it looks up the host's full name, which may wait for DNS.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Runs in the connection's own thread: who is slow over a handshake or an answer keeps nobody else waiting."""
        try:
            if self.offer is None:
                super().finish_request(request, client_address)
            else:
                self._finish_secured(request, client_address, self.offer)
        except OSError as error:
            # Clear text, an old protocol, a stranger's authority, a hand that was withdrawn: theirs to notice.
            _log.debug("a connection ended without an answer", reason=type(error).__name__)

    def _finish_secured(self, request: Any, client_address: Any, offer: Offer) -> None:
        request.settimeout(PATIENCE_SECONDS)
        secured = offer.newest().wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        try:
            secured.do_handshake()
            super().finish_request(secured, client_address)
        finally:
            self.shutdown_request(secured)


class _QuietHandler(WSGIRequestHandler):
    timeout = PATIENCE_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Probes each second are no news."""


class PageServer:
    """Serves a WSGI application; in a monkey-patched process its threads are greenlets.

    ``port`` 0 picks a free one, seen in ``port`` after ``start``. ``start`` raises OSError when the port is taken.
    """

    def __init__(self, port: int, app: WsgiApp, *, host: str = "127.0.0.1", offer: Offer | None = None) -> None:
        self.port = port
        self._host = host
        self._app = app
        self._offer = offer
        self._server: WSGIServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Binds and begins to answer."""
        server = make_server(self._host, self.port, self._app, server_class=_Server, handler_class=_QuietHandler)
        server.offer = self._offer
        self._server, self.port = server, server.server_port
        self._thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="pages", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stops answering and frees the port."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        if self._thread is not None:
            self._thread.join(timeout=2)
        self._server = self._thread = None
