"""Virtual hosts of one test session: one call of rabbitmqctl makes several, because the call costs half a second."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit, urlunsplit

AT_ONCE = 6


@dataclass
class VhostFactory:
    """Call it for the URL of a fresh vhost on the broker of `broker_url`; `control` runs one rabbitmqctl command."""

    broker_url: str
    control: Callable[..., str]
    made: list[str] = field(default_factory=list)
    ready: list[str] = field(default_factory=list)

    def __call__(self) -> str:
        if not self.ready:
            self._make_more()
        vhost = self.ready.pop()
        parts = urlsplit(self.broker_url)
        return urlunsplit((parts.scheme, parts.netloc, f"/{quote(vhost, safe='')}", parts.query, ""))

    def delete_all(self) -> None:
        """Delete what was made, with every queue in it."""
        if self.made:
            self.control("eval", f'[rabbit_vhost:delete(V, <<"tests">>) || V <- {_binaries(self.made)}].')
        self.made.clear()
        self.ready.clear()

    def _make_more(self) -> None:
        user = _binaries([unquote(urlsplit(self.broker_url).username or "guest")]).strip("[]")
        names = [f"test-{secrets.token_hex(4)}" for _ in range(AT_ONCE)]
        permit = f'rabbit_auth_backend_internal:set_permissions({user}, V, <<".*">>, <<".*">>, <<".*">>, <<"tests">>)'
        self.made += names
        self.control("eval", f'[begin ok = rabbit_vhost:add(V, <<"tests">>), {permit} end || V <- {_binaries(names)}].')
        self.ready += names


def _binaries(names: list[str]) -> str:
    """Erlang's way to write a list of binary strings."""
    return "[" + ",".join(f'<<"{name}">>' for name in names) + "]"
