"""TLS of the gateway's own port: its server is given one context for good, and each handshake gets the newest pair."""

from __future__ import annotations

import ssl

from chassis.tls import Offer


def following(offer: Offer) -> ssl.SSLContext:
    """A context whose every handshake, with or without a server name (RFC 6066), goes on in the offer's newest."""

    def take_newest(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = offer.newest()

    context = offer.newest()
    context.sni_callback = take_newest  # type: ignore[assignment]
    return context
