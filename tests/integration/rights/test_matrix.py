"""Each role × each route × inside and outside its jurisdiction, against the real services.

What is expected is written down here by hand, from what each role is for, and is derived from nothing in the code. A
caller may (`yes`), is told that it may not (`403`), or is told that there is none (`404`).
"""

from __future__ import annotations

import json

import pytest

from contracts.rights.permissions import VOUCHED
from gateway.routes.index import ROUTES
from tests.integration.rights.asking import ask
from tests.integration.rights.county import HERE, THERE, caller
from tests.support.callers import ASSERTIONS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

LETTERS = {
    "C": "county_lead", "T": "town_lead", "M": "community_lead", "L": "grid_lead", "W": "grid_worker",
    "D": "dispatcher", "O": "centre_operator", "P": "police", "F": "team_member", "J": "mediator", "R": "registrar",
    "U": "resident", "S": "ops", "A": "auditor", "I": "integration", "V": "developer",
}  # fmt: skip
# F first: what the others do to an incident may take the team off it.
ORDER = "FCTMLWDOPJRUSAIV"

# Route: who may inside | who may outside | what those are told outside who may inside only. Everybody else: 403.
EXPECTED = """
POST /v1/incidents                                 CTMLWDOPFJUIV   | CTMLWDOPFJUV   | 403
POST /v1/incidents/likely-duplicates               CTDOPV          | CTDOPV         |
GET /v1/incidents                                  CTMLWDOPFJUSAIV | V              | -
GET /v1/incidents/export                           CTMLWDOPFJUSAIV | V              | -
GET /v1/incidents/{incident}                       CTMLWDOPFJUSAIV | V              | 404
GET /v1/incidents/{incident}/eido                  CTMLWDOPFJUSAIV | V              | 404
GET /v1/incidents/{incident}/cap                   CTMLWDOPFJUSAIV | V              | 404
GET /v1/incidents/{incident}/recommendations       CTMDOV          | V              | 404
POST /v1/incidents/{incident}/push                 CTMDOPIV        | V              | 404
POST /v1/incidents/{incident}/acknowledge          DOV             | V              | 404
POST /v1/incidents/{incident}/assignments          CTMDOV          | V              | 404
POST /v1/incidents/{incident}/escalate             CTMLDOV         | V              | 404
POST /v1/incidents/{incident}/resolve              CTMLDOPFIV      | V              | 404
POST /v1/incidents/{incident}/feedback             CTMLWDOPJIV     | V              | 404
POST /v1/incidents/{incident}/close                CTMDOV          | V              | 404
POST /v1/incidents/{incident}/archive              CTDOV           | V              | 404
POST /v1/incidents/{incident}/cancel               CTDOPIV         | V              | 404
POST /v1/incidents/{incident}/reopen               CTDOV           | V              | 404
POST /v1/incidents/{incident}/merge                DOPIV           | V              | 404
POST /v1/incidents/{incident}/unmerge              DOV             | V              | 404
POST /v1/incidents/{incident}/hand-over            CTMDOV          | V              | 404
POST /v1/incidents/{incident}/correct              CTDOIV          | V              | 404
POST /v1/incidents/{incident}/note                 CTMLWDOPFJIV    | V              | 404
POST /v1/incidents/{incident}/contact              MDOPFV          | V              | 404
POST /v1/assignments/{assignment}/accept           DOFIV           | V              | 404
POST /v1/assignments/{assignment}/refuse           DOFIV           | V              | 404
POST /v1/assignments/{assignment}/depart           DOFIV           | V              | 404
POST /v1/assignments/{assignment}/arrive           DOFIV           | V              | 404
POST /v1/assignments/{assignment}/clear            DOFIV           | V              | 404
POST /v1/assignments/{assignment}/withdraw         CTDOV           | V              | 404
POST /v1/eido                                      CTMLWDOPFJUIV   | CTMLWDOPFJUV   | 403
GET /v1/teams                                      CTMLDOPFSAIV    | V              | -
POST /v1/teams                                     CTV             | V              | 403
GET /v1/teams/{team}                               CTMLDOPFSAIV    | V              | 404
PATCH /v1/teams/{team}                             CTOV            | V              | 404
PUT /v1/teams/{team}/position                      DOFIV           | V              | 404
PUT /v1/teams/{team}/shifts                        CTMDOV          | V              | 404
GET /v1/centres                                    CTMLDOPFJRSAIV  | V              | -
GET /v1/grids                                      CTMLWDOPFJRSAIV | V              | -
GET /v1/grids/{code}                               CTMLWDOPFJRSAIV | V              | 403
GET /v1/grids/{code}/children                      CTMLWDOPFJRSAIV | V              | 403
GET /v1/grids/{code}/history                       CTMLWDOPFJRSAIV | V              | 403
GET /v1/grids/{code}/posts                         CTMLDOPRV       | V              | 403
GET /v1/locate                                     CTMLWDOPFJRUSIV | CTMLWDOPFJRUSIV|
GET /v1/sla/report                                 CTMDOPSAV       | V              | -
GET /v1/sla/breaches                               CTMDOPSAV       | V              | 404
GET /v1/policies                                   CTMDOPSAV       | CTMDOPSAV      |
GET /v1/board                                      CTMDOPSV        | V              | -
GET /v1/audit/denials                              CAV             | CAV            |
POST /v1/feed                                      DIV             | DIV            |
GET /v1/stream                                     CTMLDOPSIV      | CTMLDOPSIV     |
POST /open311/v2/requests.{format}                 CTMLWDOPFJUIV   | CTMLWDOPFJUV   | 403
GET /open311/v2/requests.{format}                  CTMLWDOPFUSAIV  | V              | -
GET /open311/v2/requests/{service_request_id}.{format} CTMLWDOPFUSAIV | V           | 404
"""
# A dispute is no service request: of those the mediator sees none, and is told so in the route's own words.
OF_ONES_OWN = {"GET /v1/intake/{tracking_id}", "GET /open311/v2/tokens/{token}.{format}"}
"""By what was given to one caller and is sealed to it: for everybody else there is none."""
INSTEAD = {
    ("GET /open311/v2/requests.{format}", "J"): "-",
    ("GET /open311/v2/requests/{service_request_id}.{format}", "J"): "404",
}


def lines() -> list[tuple[str, str, str, str]]:
    found = []
    for line in EXPECTED.strip().splitlines():
        method, path, rest = line.split(maxsplit=2)
        inside, outside, refused = (part.strip() for part in rest.split("|"))
        found.append((f"{method} {path}", inside, outside, refused))
    return found


def expected(route: str, letter: str, inside: str, outside: str, refused: str) -> tuple[str, str]:
    """What is to come of it here and there. `-`: an answer without what lies there."""
    instead = INSTEAD.get((route, letter))
    if instead is not None:
        return instead, instead
    here = "yes" if letter in inside else "403"
    there = "yes" if letter in outside else refused if letter in inside else "403"
    return here, there


def test_every_route_that_needs_a_right_is_in_the_table() -> None:
    needing = {f"{route.method} {route.path}" for route in ROUTES if route.permission not in (None, VOUCHED)}
    assert {route for route, *_ in lines()} == needing - OF_ONES_OWN


def test_each_role_gets_what_its_work_needs_and_nothing_else(http, county) -> None:
    wrong, asked = {}, 0
    for route, inside, outside, refused in lines():
        incidents = county.pair("citizen_assist" if "open311" in route else "neighbour_dispute")
        for letter in ORDER:
            actor = caller(LETTERS[letter])
            token = {"Authorization": f"Bearer {ASSERTIONS.of(actor, 'gateway')}"}
            found = tuple(ask(http, token, route, incidents, town) for town in (HERE, THERE))
            asked += 2
            if found != (wanted := expected(route, letter, inside, outside, refused)):
                wrong[f"{route} {LETTERS[letter]}"] = f"{found}, not {wanted}"
    print(f"{len(lines())} routes x {len(ORDER)} roles x 2 places: {asked} requests")
    assert wrong == {}, json.dumps(wrong, indent=1)
    assert asked == len(lines()) * len(ORDER) * 2
