"""The way of a command with nothing at its end: HTTP, the gateway's call over the broker, a service that says "done".

No rules, no database, no commit: what is left is what one command costs before it does anything. ROLE=http or service.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

NAME = "bare"


def http() -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from gateway.rpc import Caller, RpcClient

    calls = RpcClient(os.environ["AMQP_URL"])

    async def create(request: Request) -> JSONResponse:
        arguments = {"data": await request.json()}
        made = await calls.call(NAME, "create", arguments, timeout_s=10, caller=Caller("{}"))
        return JSONResponse(made, 201)

    @asynccontextmanager
    async def connected(_app: Starlette) -> AsyncIterator[None]:
        calls.start()
        yield

    app = Starlette(routes=[Route("/v1/incidents", create, methods=["POST"])], lifespan=connected)
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False, loop="uvloop", http="httptools")


def service() -> None:
    from chassis.nameko.patch import patch

    patch()
    from nameko.containers import ServiceContainer

    from chassis.ids import uuid7
    from chassis.nameko.rpc import rpc

    class Bare:
        name = NAME

        @rpc
        def create(self, data: dict[str, object]) -> dict[str, str]:
            return {"incident_id": str(uuid7())}

    container = ServiceContainer(Bare, {"AMQP_URI": os.environ["AMQP_URL"], "RPC_WORKERS": 100, "max_workers": 110})
    container.start()
    container.wait()


if __name__ == "__main__":
    {"http": http, "service": service}[os.environ["ROLE"]]()
