"""Every route of the gateway, in the order of the API document."""

from __future__ import annotations

from gateway.routes import (
    assignments,
    audit,
    auth,
    following,
    grids,
    house,
    incidents,
    listing,
    live,
    open311,
    published,
    reports,
    teams,
)
from gateway.routes.table import Route

ROUTES: tuple[Route, ...] = (
    *incidents.ROUTES,
    *following.ROUTES,
    *listing.ROUTES,
    *published.ROUTES,
    *assignments.ROUTES,
    *teams.ROUTES,
    *grids.ROUTES,
    *reports.ROUTES,
    *audit.ROUTES,
    *open311.ROUTES,
    *live.ROUTES,
    *auth.ROUTES,
    *house.ROUTES,
)
