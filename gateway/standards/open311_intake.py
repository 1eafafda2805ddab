"""A posted service request as the command that takes an incident in. Only its form is judged here; dispatch decides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from chassis.clock import format_time, parse_time
from chassis.errors import InvalidInput, NotFound
from gateway.standards.open311 import ATTRIBUTES, SERVICES, Attribute

Form = Mapping[str, Sequence[str]]
SOURCE = "resident"


def create_incident(form: Form) -> dict[str, Any]:
    """Data of `incident.create`. What Open311 allows and the contract has no place for is not kept.

    That is `email`, `device_id`, `account_id` and `media_url`. A blank value counts as absent, by the specification.
    Raises InvalidInput naming the field, NotFound `unknown_service`.
    """
    service = one(form, "service_code")
    if service is None:
        raise InvalidInput("service_code was not provided", code="missing_field", field="service_code")
    if service not in SERVICES:
        raise NotFound(f"there is no service_code {service[:64]}", code="unknown_service", field="service_code")
    told = {"location": _location(form), "caller": _caller(form), "summary": _summary(form, service)}
    data = {"source": SOURCE, "category": service, "push": True, **{name: one for name, one in told.items() if one}}
    if "location" not in data:
        raise InvalidInput(
            "lat and long, address_string or address_id must be provided", code="missing_field", field="lat"
        )
    return data


def one(form: Form, name: str) -> str | None:
    """The value of a field that may be given once; None when absent or blank. Raises InvalidInput for two."""
    values = [value.strip() for value in form.get(name, ()) if value.strip()]
    if len(values) > 1:
        raise InvalidInput(f"{name} may be given once", field=name, rule="repeated")
    return values[0] if values else None


def _location(form: Form) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, ours in (("lat", "lat"), ("long", "lon")):
        value = one(form, name)
        if value is not None:
            found[ours] = _number(name, value)
    for name, ours in (("address_string", "address"), ("address_id", "grid_code")):
        value = one(form, name)
        if value is not None:
            found[ours] = value
    return found


def _number(name: str, value: str) -> float:
    if not re.fullmatch(r"[-+]?\d{1,3}(\.\d{1,17})?", value):
        raise InvalidInput(f"{name} must be a number of degrees", field=name, rule="type")
    return float(value)


def _caller(form: Form) -> dict[str, str]:
    first, last, phone = one(form, "first_name"), one(form, "last_name"), one(form, "phone")
    names = [name for name in (first, last) if name]
    # A Chinese name is the family name and the given name, without a space.
    name = " ".join(names) if "".join(names).isascii() else "".join(reversed(names))
    return {key: value for key, value in (("name", name), ("phone", phone)) if value}


def _summary(form: Form, service: str) -> str | None:
    lines = [one(form, "description"), *_answers(form, ATTRIBUTES[SERVICES[service].kind])]
    return "\n".join(line for line in lines if line) or None


def _answers(form: Form, attributes: Sequence[Attribute]) -> list[str]:
    """One line for each attribute that was answered. Raises InvalidInput for an unknown, missing or bad one."""
    known = {f"attribute[{attribute['code']}]" for attribute in attributes}
    for name in form:
        if name.startswith("attribute[") and name not in known:
            raise InvalidInput(f"the service has no {name[:64]}", field=name[:64], rule="unknown_field")
    lines = []
    for attribute in attributes:
        field = f"attribute[{attribute['code']}]"
        value = one(form, field)
        if value is None and attribute["required"]:
            raise InvalidInput(f"{field} must be provided", code="missing_field", field=field)
        if value is not None:
            lines.append(f"{_chinese(attribute['description'])}：{_answer(attribute, field, value)}")
    return lines


def _answer(attribute: Attribute, field: str, value: str) -> str:
    names = {each["key"]: each["name"] for each in attribute["values"]}
    if names:
        if value not in names:
            raise InvalidInput(f"{field} must be one of {', '.join(names)}", field=field, rule="one_of")
        return _chinese(names[value])
    if attribute["datatype"] == "datetime":
        try:
            return format_time(parse_time(value))
        except ValueError as error:
            raise InvalidInput(f"{field}: {error}", field=field, rule="date_time") from None
    return value


def _chinese(text: str) -> str:
    return text.partition(" · ")[0]
