"""Open311 GeoReport v2 (wiki.open311.org/GeoReport_v2): the service guide, and demands and hazards of residents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from chassis.errors import NotFound, ServiceError
from gateway.routes import params
from gateway.routes.calling import ACCEPTED, check_envelope, execute, idempotency_key
from gateway.routes.edge import KEY
from gateway.routes.following import TRACKING_ID, follow
from gateway.routes.form import read_form
from gateway.routes.open311_search import FILTERS, INCIDENT_ID, one_request, search
from gateway.routes.params import Param, read_query
from gateway.routes.problems import headers_of
from gateway.routes.table import Call, PathParam, Route
from gateway.standards import open311
from gateway.standards.open311_document import operation
from gateway.standards.open311_forms import CONTENT_TYPES, refused, status_of, written
from gateway.standards.open311_intake import create_incident, one

BASE, ROOT = "/open311", "/open311/v2"
FORMAT = PathParam(
    "格式 · json or xml", {"type": "string", "enum": list(CONTENT_TYPES), "pattern": "|".join(CONTENT_TYPES)}
)
SERVICE = PathParam("服务代码 · service_code", {"type": "string", "pattern": "[a-z][a-z0-9_]{0,63}"})
REQUEST = PathParam(
    "诉求编号，即事件编号 · service_request_id: the incident's id",
    {"type": "string", "format": "uuid", "pattern": INCIDENT_ID},
)
JURISDICTION = params.text("jurisdiction_id", "县域名，可缺省 · The county's domain name; may be left out")
API_KEY = params.text("api_key", "令牌，最好放在 Authorization 头里 · The token; better in the Authorization header")


async def api_key(request: Request) -> str | None:
    """The bearer token: from the header, else from where Open311 puts its key. Raises what reading a form raises."""
    header = request.headers.get("authorization")
    if header is not None:
        return header
    form = request.method == "POST"
    key = one(await read_form(request), "api_key") if form else request.query_params.get("api_key")
    return f"Bearer {key}" if key else None


def refuse(request: Request, error: ServiceError) -> ASGIApp:
    """An error in Open311's form: a list of code and description."""
    form = request.path_params.get("format")
    form = form if form in CONTENT_TYPES else "json"
    headers = {name: value for name, value in headers_of(error).items() if name == "Retry-After"}
    return _response(written("errors", refused(error), form), form, status_of(error), headers)


async def discovery(call: Call) -> ASGIApp:
    """Where the interface is, for clients that know only the host."""
    _query(call)
    url = call.request.url
    return _written(call, "discovery", open311.discovery(f"{url.scheme}://{url.netloc}{ROOT}"))


async def services(call: Call) -> ASGIApp:
    """What can be asked for."""
    _query(call)
    return _written(call, "services", open311.services())


async def service(call: Call) -> ASGIApp:
    """The attributes of one service. Raises NotFound `unknown_service`."""
    _query(call)
    code = call.request.path_params["service_code"]
    if code not in open311.SERVICES:
        raise NotFound("there is no such service_code", code="unknown_service", field="service_code")
    return _written(call, "service_definition", open311.definition(code))


async def create(call: Call) -> ASGIApp:
    """Take a request in. The same Idempotency-Key gives the same answer. Raises ServiceError."""
    _form_of(call)
    form = await read_form(call.request)
    _of_this_county(call, one(form, "jurisdiction_id"))
    call.request.scope[KEY] = key = idempotency_key(call)
    envelope = {"command": "incident.create", "key": key, "view": False, "data": create_incident(form)}
    check_envelope(envelope)
    answer = await execute(call, envelope)
    if not answer.get("ok"):
        raise ServiceError.from_problem(answer["problem"])
    result = answer["result"]
    if answer.get("status") == ACCEPTED:
        waits = {"token": result["tracking_id"], "service_notice": open311.TAKEN_NOTICE, "account_id": None}
        where = {"Location": f"{ROOT}/tokens/{result['tracking_id']}.{_form_of(call)}"}
        return _response(written("service_requests", [waits], _form_of(call)), _form_of(call), ACCEPTED, where)
    made = {"service_request_id": str(result["incident_id"]), "service_notice": open311.NOTICE, "account_id": None}
    return _written(call, "service_requests", [made])


async def token(call: Call) -> ASGIApp:
    """The request that a token became, without its id while it waits. Raises NotFound; ServiceError when refused."""
    _query(call)
    found = await follow(call, call.request.path_params["token"])
    if found["state"] == "refused":
        raise ServiceError.from_problem(found["problem"])
    made = {"service_request_id": str(found["incident_id"])} if found["state"] == "delivered" else {}
    return _written(call, "service_requests", [{**made, "token": found["tracking_id"]}])


async def requests(call: Call) -> ASGIApp:
    """Requests of a span of time, newest first. Raises ServiceError."""
    return _written(call, "service_requests", await search(call, _query(call, *FILTERS)))


async def request(call: Call) -> ASGIApp:
    """One request. Raises NotFound, also for an incident that is no service request."""
    _query(call)
    found = await one_request(call, call.request.path_params["service_request_id"])
    if found is None:
        raise NotFound("there is no such service_request_id", code="unknown_request", field="service_request_id")
    return _written(call, "service_requests", [found])


def _query(call: Call, *declared: Param) -> dict[str, Any]:
    """The query; a blank parameter counts as absent, by the specification. Raises InvalidInput, NotFound."""
    _form_of(call)
    given = QueryParams([(name, value) for name, value in call.request.query_params.multi_items() if value.strip()])
    found = read_query(given, (JURISDICTION, API_KEY, *declared))
    found.pop("api_key", None)
    _of_this_county(call, found.pop("jurisdiction_id", None))
    return found


def _of_this_county(call: Call, jurisdiction: str | None) -> None:
    if jurisdiction not in (None, call.serving.settings.agency):
        raise NotFound("there is no such jurisdiction_id", code="unknown_jurisdiction", field="jurisdiction_id")


def _form_of(call: Call) -> str:
    form: str = call.request.path_params["format"]
    if form not in CONTENT_TYPES:
        raise NotFound("the format is json or xml", code="unknown_format", field="format")
    return form


def _written(call: Call, root: str, content: Any) -> ASGIApp:
    form = _form_of(call)
    return _response(written(root, content, form), form, 200, {})


def _response(body: bytes, form: str, status: int, headers: dict[str, str]) -> Response:
    return Response(body, status, {"Cache-Control": "no-store", **headers}, CONTENT_TYPES[form])


def _or_blank(param: params.Param) -> params.Param:
    """Clients send every field of their form; a blank one is as good as none (`_query`)."""
    return replace(param, schema={"anyOf": [param.schema, {"type": "string", "maxLength": 0}]})


def _published(root: str, route: Route) -> Route:
    """The route with Open311's formats, key and errors; `root` is the root element of its answer."""
    return replace(
        route, path=f"{route.path}.{{format}}", name=f"open311_{route.name}",
        path_params={**route.path_params, "format": FORMAT},
        query=tuple(map(_or_blank, (JURISDICTION, API_KEY, *route.query))) if route.method == "GET" else (),
        credentials=api_key, refuse=refuse, document=operation(route.method, root),
    )  # fmt: skip


ROUTES = (
    _published(
        "discovery",
        Route(
            "GET", f"{BASE}/discovery", "discovery", "接口发现", "Where this interface is", "gateway", None, discovery
        ),
    ),
    _published(
        "services",
        Route(
            "GET", f"{ROOT}/services", "services", "服务目录", "The services one may ask for", "gateway", None, services
        ),
    ),
    _published(
        "service_definition",
        Route(
            "GET", f"{ROOT}/services/{{service_code}}", "service", "服务说明", "Attributes of a service", "gateway",
            None, service, path_params={"service_code": SERVICE},
        ),
    ),
    _published(
        "service_requests",
        Route(
            "POST", f"{ROOT}/requests", "create", "提交诉求", "Submit a service request", "dispatch", "incident.create",
            create,
            about="It becomes an incident and lies on the desk that answers for the place. The same `Idempotency-Key` "
            "gives the same answer. Name and phone are sealed as a caller's; `email`, `device_id`, `account_id` and "
            "`media_url` are not kept.",
        ),
    ),
    _published(
        "service_request_token",
        Route(
            "GET", f"{ROOT}/tokens/{{token}}", "token", "诉求编号查询", "The service request that a token became",
            "dispatch", "incident.create", token, path_params={"token": TRACKING_ID}, rpc="dispatch.get_answer",
        ),
    ),
    _published(
        "service_requests",
        Route(
            "GET", f"{ROOT}/requests", "requests", "诉求列表", "Service requests of at most 90 days, the newest 1,000",
            "dispatch", "incident.read", requests, query=FILTERS, rpc="dispatch.list_incidents",
        ),
    ),
    _published(
        "service_requests",
        Route(
            "GET", f"{ROOT}/requests/{{service_request_id}}", "request", "诉求详情", "One service request", "dispatch",
            "incident.read", request, path_params={"service_request_id": REQUEST}, rpc="dispatch.get_incident",
        ),
    ),
)  # fmt: skip
