"""One path of the gateway: picks the route by method, knows its caller, runs its handler."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.errors import ServiceError
from gateway.routes.edge import CLIENT, ROUTE
from gateway.routes.problems import MethodNotAllowed
from gateway.routes.serving import Serving
from gateway.routes.table import Call, Route
from gateway.security.token import Actor

ANYBODY = Actor(subject="anonymous", client="anonymous", roles=(), jurisdiction="")


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

        Raises ServiceError: method_not_allowed, missing_token, invalid_token, or the handler's.
        """
        scope[ROUTE] = self._template
        route = self._routes.get(scope["method"])
        if route is None:
            raise MethodNotAllowed(sorted(self._routes))
        request = Request(scope, receive, send)
        try:
            answer = await self._answer(route, request)
        except ServiceError as error:
            if route.refuse is None:
                raise
            answer = route.refuse(request, error)
        await answer(scope, receive, send)

    async def _answer(self, route: Route, request: Request) -> ASGIApp:
        actor = ANYBODY
        if route.permission is not None:
            actor = self._serving.authority.recognise(await route.credentials(request))
            request.scope[CLIENT] = actor.client
        return await route.handler(Call(request, actor, self._serving, route))
