"""What every route is served with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.rpc import RpcClient
from gateway.security.token import Authority
from gateway.settings import GatewaySettings
from gateway.streams.sse import Streams
from gateway.together import Together


class Documents(Protocol):
    """The API document as JSON and as a page. Made from the route table, so the table cannot import what makes them."""

    def openapi(self) -> bytes: ...
    def page(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Serving:
    """The parts of the running gateway, made once at start."""

    settings: GatewaySettings
    rpc: RpcClient
    commands: Together
    authority: Authority
    streams: Streams
    documents: Documents
