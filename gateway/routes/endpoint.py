"""One path of the gateway: picks the route by method, knows its caller, runs its handler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.actor import NOBODY, Actor
from chassis.errors import ServiceError, Unauthorised
from gateway.journal.intake import INTAKE
from gateway.routes.deciding import DECIDED_HERE, PURPOSE_HEADER, for_a_purpose, refuse_unless_held
from gateway.routes.edge import CLIENT, QUIET, REQUEST_ID, ROUTE
from gateway.routes.problems import MethodNotAllowed
from gateway.routes.serving import Serving
from gateway.routes.table import Call, Route
from gateway.security.proxies import CERTIFICATE


class PathEndpoint:
    """All methods of one path template."""

    def __init__(self, routes: Sequence[Route], serving: Serving) -> None:
        self._routes = {route.method: route for route in routes}
        if "GET" in self._routes:
            self._routes["HEAD"] = self._routes["GET"]
        self._template = routes[0].path
        self._serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises ServiceError: method_not_allowed, missing_token, invalid_token, unknown_purpose, forbidden, the
        handler's.
        """
        scope[ROUTE] = self._template
        route = self._routes.get(scope["method"])
        if route is None:
            raise MethodNotAllowed(sorted(self._routes))
        request = Request(scope, receive, send)
        caller = _Caller()
        try:
            answer = await self._answer(route, request, caller)
        except ServiceError as error:
            asked = f"{route.method} {route.path}"
            self._serving.denials.note(asked, caller.actor, error, scope[REQUEST_ID])
            if route.refuse is None:
                raise
            answer = route.refuse(request, error)
        await answer(scope, receive, send)

    async def _answer(self, route: Route, request: Request, caller: _Caller) -> ASGIApp:
        rates = self._serving.rates
        if route.permission is not None:
            try:
                caller.actor = await self._known(route, request)
            except Unauthorised:
                await rates.admit("denied", NOBODY, request)
                raise
            request.scope[CLIENT] = caller.actor.client
        if route.path not in QUIET:
            await rates.admit(bucket_of(route), caller.actor, request)
        if route.permission is not None:
            caller.actor = for_a_purpose(caller.actor, request.headers.get(PURPOSE_HEADER))
            if route.permission in DECIDED_HERE:
                refuse_unless_held(caller.actor, route.permission)
        return await route.handler(Call(request, caller.actor, self._serving, route))

    async def _known(self, route: Route, request: Request) -> Actor:
        authority, shown = self._serving.authority, await route.credentials(request)
        certificate = request.scope.get(CERTIFICATE)
        if route.during_setup:
            return (await authority.standing(shown, certificate)).actor
        return await authority.recognise(shown, certificate)


@dataclass(slots=True)
class _Caller:
    """Who is calling, as far as that is known when a request is refused."""

    actor: Actor = NOBODY


def bucket_of(route: Route) -> str:
    """Which of the rates a call counts in."""
    if route.permission is None:
        return "open"
    if route.path in ("/v1/feed", "/v1/stream"):
        return route.path.rpartition("/")[2]
    if route.method == "GET":
        return "read"
    return "intake" if route.permission == INTAKE else "command"
