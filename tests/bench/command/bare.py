"""The way of a command with nothing at its end: HTTP, the gateway's call over the broker, a service that says "done".

No rules, no database, no commit: what is left is what one command costs before it does anything. ROLE=http or service.
With a DATABASE_URL the service writes the peers' four rows and commits, all in one message: no command that is answered
after its commit, and comes alone, can be faster on this way.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from queue import Queue
from typing import Any

from tests.bench.peers.four_rows import INSERTS, values

NAME = "bare"
CONNECTIONS = 12


def http() -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from gateway.rpc import Caller, RpcClient
    from tests.support.callers import ASSERTIONS, DEVELOPER

    calls = RpcClient(os.environ["AMQP_URL"], ASSERTIONS)

    async def create(request: Request) -> JSONResponse:
        arguments = {"data": await request.json()}
        made = await calls.call(NAME, "create", arguments, timeout_s=10, caller=Caller(DEVELOPER))
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

    from chassis.assertions import DEVELOPMENT_ACTOR_KEY, Verifier, public_key_of
    from chassis.ids import uuid7
    from chassis.nameko.rpc import rpc

    write = rows(os.environ["DATABASE_URL"]) if "DATABASE_URL" in os.environ else None

    class Bare:
        name = NAME

        @rpc(permission="bare.call")
        def create(self, data: dict[str, object]) -> dict[str, str]:
            incident_id = str(uuid7())
            if write is not None:
                write(incident_id, data)
            return {"incident_id": incident_id}

    container = ServiceContainer(
        Bare,
        {
            "AMQP_URI": os.environ["AMQP_URL"],
            "RPC_WORKERS": 100,
            "max_workers": 110,
            "RECOGNISE": Verifier(public_key_of(DEVELOPMENT_ACTOR_KEY), NAME, mode="development"),
            "MAY": lambda _actor, _permission: True,
        },
    )
    container.start()
    container.wait()


def rows(url: str) -> Callable[[str, object], None]:
    """What writes the four rows of one incident and commits, in one round trip."""
    import psycopg2

    free: Queue[Any] = Queue()
    for _ in range(CONNECTIONS):
        connection = psycopg2.connect(url)
        connection.autocommit = True
        free.put(connection)
    places = ("(" + ", ".join(["%s"] * columns) + ")" for _, columns in INSERTS)
    inserts = "; ".join(f"INSERT INTO {table} VALUES {row}" for (table, _), row in zip(INSERTS, places, strict=True))

    def write(incident_id: str, data: object) -> None:
        connection = free.get()
        try:
            parameters = [field for row in values(incident_id, data) for field in row]
            connection.cursor().execute(f"BEGIN; {inserts}; COMMIT", parameters)
        finally:
            free.put(connection)

    return write


if __name__ == "__main__":
    {"http": http, "service": service}[os.environ["ROLE"]]()
