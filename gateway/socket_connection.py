"""One WebSocket connection, ended even when its reader takes nothing: uvicorn's own would wait for it for ever."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.connection import LINGER_SECONDS

MOST_SAID_BYTES = 4096
"""Of one message from a client, which has nothing to say here."""


class LimitedSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol on the websockets library, with an end to waiting."""

    async def send(self, message: Any) -> None:
        """As in ASGI. A close does not wait until the reader's buffers have room: that is why it is closed."""
        if message["type"] == "websocket.close" and self.handshake_complete and not self.writable.is_set():
            self._cut(message.get("code", 1000), message.get("reason") or "")
            return
        await super().send(message)

    def _cut(self, code: int, reason: str) -> None:
        """The close frame behind what is buffered, for a reader that wakes up soon; then nothing is kept for it."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)
