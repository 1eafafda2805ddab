"""Gives a service method the call that it answers."""

from __future__ import annotations

from typing import Any

from nameko.extensions import DependencyProvider

from chassis.assertions import Verifier
from chassis.calls import Call


class Recognise(DependencyProvider):
    """Gives a service method ``self.recognise``: the actor of an assertion; raises Unauthenticated."""

    def get_dependency(self, worker_ctx: Any) -> Verifier:
        verifier: Verifier = worker_ctx.container.config["RECOGNISE"]
        return verifier


class CallContext(DependencyProvider):
    """Gives a service method ``self.call``: the ``Call`` it answers; nobody's in an events handler."""

    KEY = "wangge.call"

    def get_dependency(self, worker_ctx: Any) -> Call:
        call = worker_ctx.data.get(self.KEY)
        return call if isinstance(call, Call) else Call()
