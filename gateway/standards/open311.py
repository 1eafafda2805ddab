"""What Open311 GeoReport v2 tells: the services with their attributes, and incidents as service requests.

The services are our categories of demands and hazards; a service request is an incident of one of these kinds, under
the incident's own id. Pure functions; how an answer is written as JSON or XML is in `open311_forms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.dispatch import codes
from contracts.dispatch.codes import Category
from gateway.standards.facts import View
from gateway.standards.moments import to_the_second

KINDS = ("demand", "hazard")
SERVICES: dict[str, Category] = {code: each for code, each in codes.CATEGORIES.items() if each.kind in KINDS}
TAKEN_NOTICE = "已受理，稍后登记，可凭 token 查询。 · Taken, to be registered shortly: ask by the token."
NOTICE = "已登记并推送至责任中心。 · Taken in and put on the desk of the centre that answers for the place."
ENDED = frozenset({"resolved", "closed", "archived", "cancelled", "merged"})
"""`closed` of Open311 is "it has been resolved"."""
ENDINGS = ("closed", "cancelled", "resolved")

CHANGESET = "2026-11-26T00:00:00+08:00"
"""When the services or their attributes last changed: clients read them again after it."""
CONTACT = "县社会治理中心 · The county's social governance centre"
KEY_SERVICE = "向县社会治理中心申请令牌 · Ask the county's social governance centre for a token"

YES_NO = {"yes": "是 · Yes", "no": "否 · No", "unknown": "不清楚 · Not known"}
Attribute = dict[str, Any]


def _attribute(
    code: str, order: int, datatype: str, description: str, *, required: bool, values: Mapping[str, str] | None = None
) -> Attribute:
    return {
        "variable": True, "code": code, "datatype": datatype, "required": required, "datatype_description": None,
        "order": order, "description": description,
        "values": [{"key": key, "name": name} for key, name in (values or {}).items()],
    }  # fmt: skip


ATTRIBUTES: dict[str, tuple[Attribute, ...]] = {
    "hazard": (
        _attribute(
            "danger", 1, "singlevaluelist", "现在是否危及人身安全 · Is anybody in danger now", required=True,
            values=YES_NO,
        ),
        _attribute("since", 2, "datetime", "何时发现 · Seen since", required=False),
    ),
    "demand": (_attribute("wish", 1, "text", "希望怎样解决 · What would settle it", required=False),),
}  # fmt: skip


def services() -> list[dict[str, Any]]:
    """The list of services, in the order of the catalogue."""
    return [
        {
            "service_code": each.code, "service_name": f"{each.zh} · {each.en}",
            "description": f"{codes.KINDS[each.kind].zh}：{each.zh} · {codes.KINDS[each.kind].en}: {each.en}",
            "metadata": True, "type": "realtime", "keywords": ", ".join(_keywords(each)),
            "group": f"{codes.KINDS[each.kind].zh} · {codes.KINDS[each.kind].en}",
        }
        for each in SERVICES.values()
    ]  # fmt: skip


def discovery(url: str) -> dict[str, Any]:
    """Where this interface is, what it speaks, and how to get a key (Open311 service discovery)."""
    endpoint = {
        "specification": "http://wiki.open311.org/GeoReport_v2", "url": url, "changeset": CHANGESET,
        "type": "production", "formats": ["text/xml", "application/json"],
    }  # fmt: skip
    return {"changeset": CHANGESET, "contact": CONTACT, "key_service": KEY_SERVICE, "endpoints": [endpoint]}


def definition(code: str) -> dict[str, Any]:
    """The attributes of a service. Raises KeyError for a code that is none."""
    return {"service_code": code, "attributes": list(ATTRIBUTES[SERVICES[code].kind])}


def is_request(incident: View) -> bool:
    """True for what residents see: demands and hazards, without drills."""
    return incident["category"] in SERVICES and not incident["exercise"]


def service_request(incident: View) -> dict[str, Any]:
    """An incident as a service request. Nobody is in it: not who reported, not who goes."""
    category, state = SERVICES[incident["category"]], codes.STATES[incident["state"]]
    stamps = incident["stamps"]
    return {
        "service_request_id": str(incident["incident_id"]),
        "status": "closed" if incident["state"] in ENDED else "open",
        "status_notes": _notes(incident, f"{state.zh} · {state.en}"),
        "service_name": f"{category.zh} · {category.en}",
        "service_code": category.code,
        "description": incident.get("summary") or None,
        "agency_responsible": incident.get("centre_code"),
        "service_notice": None,
        "requested_datetime": to_the_second(stamps["received"]["occurred_at"]),
        "updated_datetime": to_the_second(_updated(incident)),
        "expected_datetime": _expected(incident),
        "address": incident.get("address"),
        "address_id": incident.get("grid_code"),
        "zipcode": None,
        "lat": incident.get("lat"),
        "long": incident.get("lon"),
        "media_url": None,
    }


def _keywords(category: Category) -> tuple[str, ...]:
    return tuple(filter(None, (category.code.replace("_", " "), category.gbt_30428)))


def _notes(incident: View, state: str) -> str:
    outcome = codes.OUTCOMES.get(incident.get("outcome") or "")
    return f"{state}; {outcome.zh} · {outcome.en}" if outcome else state


def _updated(incident: View) -> str:
    """When it was ended, of an ended one; else when we last learnt anything."""
    stamps = incident["stamps"]
    if incident["state"] in ENDED:
        ends = [stamps[stage]["occurred_at"] for stage in ENDINGS if stage in stamps]
        if ends:
            return str(ends[0])
    every = [*stamps.values(), *(one for each in incident["assignments"] for one in each["stamps"].values())]
    return max(str(stamp["recorded_at"]) for stamp in every)


def _expected(incident: View) -> str | None:
    """When the running clock of the whole, else of the solution, is due."""
    due = {clock["stage"]: clock["due_at"] for clock in incident["clocks"] if clock["state"] == "running"}
    moment = due.get("total") or due.get("resolve")
    return to_the_second(moment) if moment else None
