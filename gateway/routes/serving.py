"""What every route is served with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.accounts.accounts import Accounts
from gateway.denials import Denials
from gateway.journal.intake import Intake
from gateway.rates import Rates
from gateway.rpc import RpcClient
from gateway.security.token import Authority
from gateway.settings import GatewaySettings
from gateway.streams.session import Streams
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
    intake: Intake
    authority: Authority
    accounts: Accounts | None
    rates: Rates
    streams: Streams
    denials: Denials
    documents: Documents
