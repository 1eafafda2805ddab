"""A resident's report over Open311 reaches the desk, and the incident leaves in every published format."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tests.contract.standards.cap_structure import NAMESPACE, faults
from tests.e2e.county import County


def test_a_report_over_open311_lies_on_the_desk_and_can_be_followed_until_it_is_closed(county: County) -> None:
    form = {
        "service_code": "manhole", "lat": "37.77", "long": "-122.42", "attribute[danger]": "yes",
        "description": "井盖不见了", "last_name": "测试", "first_name": "甲", "phone": "00000000000",
    }  # fmt: skip
    posted = county.client.post("/open311/v2/requests.json", data=form, headers={"Idempotency-Key": "open311-e2e"})
    assert posted.status_code == 200, posted.text
    request_id = posted.json()[0]["service_request_id"]
    again = county.client.post("/open311/v2/requests.json", data=form, headers={"Idempotency-Key": "open311-e2e"})
    assert again.json() == posted.json()

    incident = county.get(f"/v1/incidents/{request_id}")
    assert (incident["state"], incident["source"], incident["has_contact"]) == ("pushed", "resident", True)
    assert incident["summary"] == "井盖不见了\n现在是否危及人身安全：是"
    listed = county.get("/open311/v2/requests.json", service_code="manhole", status="open")
    (found,) = [each for each in listed if each["service_request_id"] == request_id]
    assert found["agency_responsible"] == incident["centre_code"]
    assert found["expected_datetime"] is not None

    assert county.post(f"/v1/incidents/{request_id}/cancel", {"reason": "已处理"}).status_code == 200
    (closed,) = county.get(f"/open311/v2/requests/{request_id}.json")
    assert closed["status"] == "closed"
    assert request_id not in [
        each["service_request_id"] for each in county.get("/open311/v2/requests.json", status="open")
    ]


def test_a_gas_leak_with_a_team_leaves_as_eido_and_as_cap_until_its_end(county: County) -> None:
    body = {"source": "police", "category": "gas_leak", "location": {"lat": 37.77, "lon": -122.42}, "push": True}
    incident_id = county.post("/v1/incidents", body).json()["incident_id"]
    # By hand: at night, and after other tests, every team that fits may be busy.
    nearest = county.get(f"/v1/incidents/{incident_id}/recommendations")["candidates"][0]["team_id"]
    assert county.post(f"/v1/incidents/{incident_id}/assignments", {"team_id": nearest}).status_code == 201

    eido = county.get(f"/v1/incidents/{incident_id}/eido")
    assert eido["incidentComponent"]["incidentStatusCommonRegistryText"] == ["ResourcesAssigned"]
    (unit,) = eido["emergencyResourceComponent"]
    assert unit["primaryUnitStatusRegistryText"] in ("NotAvailable", "ConditionallyAvailable")

    def cap() -> ET.Element:
        document = county.client.get(f"/v1/incidents/{incident_id}/cap").content
        assert faults(document) == []
        return ET.fromstring(document)  # noqa: S314 our own output

    first = cap()
    assert first.findtext(f"{{{NAMESPACE}}}msgType") == "Alert"
    assert first.findtext(f"{{{NAMESPACE}}}info/{{{NAMESPACE}}}area/{{{NAMESPACE}}}areaDesc")
    assert county.post(f"/v1/incidents/{incident_id}/cancel", {"reason": "误报"}).status_code == 200
    last = cap()
    assert last.findtext(f"{{{NAMESPACE}}}msgType") == "Cancel"
    named = first.findtext(f"{{{NAMESPACE}}}identifier") or ""
    assert named in (last.findtext(f"{{{NAMESPACE}}}references") or "")
