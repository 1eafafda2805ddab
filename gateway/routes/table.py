"""What a route is: one declaration from which both the running route and its part of the API document are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.types import ASGIApp

from chassis.actor import Actor
from chassis.errors import ServiceError
from contracts.fields import Message
from gateway.routes.params import Param

if TYPE_CHECKING:
    from gateway.routes.serving import Serving


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a handler sees it."""

    request: Request
    actor: Actor
    serving: Serving
    route: Route


Handler = Callable[[Call], Awaitable[ASGIApp]]
Credentials = Callable[[Request], Awaitable[str | None]]
Refuse = Callable[[Request, ServiceError], ASGIApp]


async def authorization(request: Request) -> str | None:
    """The header that carries a bearer token (RFC 6750)."""
    return request.headers.get("authorization")


@dataclass(frozen=True, slots=True)
class PathParam:
    """One parameter of a path template."""

    about: str
    schema: dict[str, Any]
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path.

    `answer` is left out where contracts.answers knows it by `rpc`, and gives way to `answer_schema`, the outline of
    a format that others publish; `or_answer` is its shape for callers who ask for another; `other_types` are
    further content types of it. `during_setup`: also for who must set the account up first; `refusals` are statuses
    it may answer with beside those that follow from the rest. What a `versioned` route answers has an entity tag.
    `credentials` and `refuse` are for a published interface that has its own place for a key and its own form of an
    error; `document` replaces members of its OpenAPI operation. `owner` is the part of the system that answers,
    `permission` what its caller must hold (None: anybody may call).
    """

    method: str
    path: str
    name: str
    zh: str
    en: str
    owner: str
    permission: str | None
    handler: Handler
    path_params: dict[str, PathParam] = field(default_factory=dict)
    query: tuple[Param, ...] = ()
    rpc: str | None = None
    command: str | None = None
    body: type[Message] | None = None
    body_type: str = "application/json"
    answer: type[Message] | None = None
    or_answer: type[Message] | None = None
    answer_type: str = "application/json"
    other_types: tuple[str, ...] = ()
    answer_schema: dict[str, Any] | None = None
    status: int = 200
    location: str | None = None
    versioned: bool = False
    about: str = ""
    during_setup: bool = False
    refusals: tuple[str, ...] = ()
    credentials: Credentials = authorization
    refuse: Refuse | None = None
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def keyed(self) -> bool:
        """True when the route takes an Idempotency-Key and an `occurred_at`."""
        return self.command is not None

    @property
    def addressed(self) -> bool:
        """True when the route's command is for something that is there, of which a version can be asked."""
        return self.command is not None and bool(self.path_params)
