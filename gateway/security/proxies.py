"""What a reverse proxy says of a request, believed of configured proxies only (ASVS 4.1.3).

From them: the client's address and scheme (`X-Forwarded-For`, `X-Forwarded-Proto`), and, if a header for it is
configured, the client certificate that the proxy has verified. From anybody else these headers are taken away before
anything reads them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

CERTIFICATE = "wangge.certificate"
MOST_CHARACTERS = 512
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"forwarded"})


def parse_networks(text: str) -> tuple[Network, ...]:
    """Addresses or networks with commas between. Raises ValueError."""
    return tuple(ipaddress.ip_network(each.strip()) for each in text.split(","))


class TrustedProxies:
    """ASGI middleware, outermost. `certificate_header`: empty when certificates are not taken."""

    def __init__(self, app: ASGIApp, networks: Sequence[Network], certificate_header: str = "") -> None:
        self._app = app
        self._networks = tuple(networks)
        self._certificate = certificate_header.lower().encode()
        self._taken = _FORWARDED | ({self._certificate} if certificate_header else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request as the client sent it to the proxy."""
        if scope["type"] in ("http", "websocket"):
            self._rewrite(scope)
        await self._app(scope, receive, send)

    def _rewrite(self, scope: Scope) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        told = [each for each in headers if each[0] in self._taken]
        if not told:
            return
        scope["headers"] = [each for each in headers if each[0] not in self._taken]
        peer = scope.get("client")
        if peer is None or not self._is_proxy(peer[0]):
            return
        address = self._client(_values(told, b"x-forwarded-for"))
        if address is not None:
            scope["client"] = (address, 0)
        schemes = _values(told, b"x-forwarded-proto")
        if schemes and schemes[-1] in ("http", "https"):
            scope["scheme"] = schemes[-1] if scope["type"] == "http" else schemes[-1].replace("http", "ws")
        certificates = [value for name, value in told if name == self._certificate]
        # Two would mean that the proxy passes on what its client sent: then neither is believed.
        if len(certificates) == 1 and 0 < len(certificates[0]) <= MOST_CHARACTERS:
            scope[CERTIFICATE] = certificates[0].decode("latin-1")

    def _client(self, addresses: Sequence[str]) -> str | None:
        """The last address that is none of our proxies': those before it may be invented."""
        return next((each for each in reversed(addresses) if _is_address(each) and not self._is_proxy(each)), None)

    def _is_proxy(self, address: str) -> bool:
        return _is_address(address) and any(ipaddress.ip_address(address) in each for each in self._networks)


def _values(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[str]:
    found = [value.decode("latin-1") for header, value in headers if header == name]
    return [each.strip() for each in ",".join(found).split(",") if each.strip()]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
