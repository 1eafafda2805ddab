"""What operators and integrators need: health, metrics, the API document and its page."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response
from starlette.types import ASGIApp

from gateway.routes.calling import json_response
from gateway.routes.hardening import page_policy
from gateway.routes.table import Call, Route


async def live(_call: Call) -> ASGIApp:
    """The event loop turns. Never looks at the broker: a restart would not bring it back."""
    return json_response({"status": "live"})


async def ready(call: Call) -> ASGIApp:
    """Calls can be sent, or taken for later, and the gateway is not going down.

    A gateway that keeps calls stays ready while the broker is away, or nobody would bring it any. One that has just
    started waits a little for its broker first.
    """
    draining, intake = call.serving.streams.draining.is_set(), call.serving.intake
    waiting = len(intake.backlog)
    checks = {
        "broker": "ok" if call.serving.rpc.ready else "unavailable",
        "events": "ok" if call.serving.streams.ring.attached else "waiting",
        "intake": "off" if intake.journal is None else "ok" if intake.can_take else "full",
        "draining": draining,
    }
    is_ready = (call.serving.rpc.ready or (intake.can_take and call.serving.rpc.had_its_time)) and not draining
    kept = {"waiting": waiting, "oldest_seconds": round(intake.backlog.oldest_seconds, 1)}
    told = {"status": "ready" if is_ready else "not ready", "checks": checks, "intake": kept}
    return json_response(told, 200 if is_ready else 503)


async def metrics(_call: Call) -> ASGIApp:
    """Prometheus text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def openapi(call: Call) -> ASGIApp:
    """The OpenAPI 3.1 document of exactly the routes that are served."""
    return Response(call.serving.documents.openapi(), media_type="application/json")


async def docs(call: Call) -> ASGIApp:
    """The same document for people."""
    page = call.serving.documents.page()
    return Response(page, media_type="text/html", headers={"Content-Security-Policy": page_policy(page)})


ROUTES = (
    Route("GET", "/live", "live", "存活", "Liveness", "gateway", None, live),
    Route("GET", "/ready", "ready", "就绪", "Readiness", "gateway", None, ready),
    Route(
        "GET", "/metrics", "metrics", "指标", "Prometheus metrics", "gateway", None, metrics, answer_type="text/plain"
    ),
    Route("GET", "/openapi.json", "openapi", "接口文档", "This document", "gateway", None, openapi),
    Route(
        "GET", "/docs", "docs", "接口说明页", "The documentation page", "gateway", None, docs, answer_type="text/html"
    ),
)
