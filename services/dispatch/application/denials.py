"""The record of denied requests: what is told of one, and who may read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from contracts.catalogue import check
from contracts.dispatch.denials import ToldDenial
from services.dispatch.application.access import held
from services.dispatch.application.ports import Actor, DenialFilters, Reading
from services.dispatch.application.queries import moment, most
from services.dispatch.application.terms import Denial
from services.dispatch.application.views import View
from services.dispatch.domain.errors import Denied, Invalid

MOST_DENIALS = 1000
_TOLD = ToldDenial()
_FILTERS = {each.name for each in fields(DenialFilters)}


def denial_of(actor: Actor, asked: str, denied: Denied) -> Denial:
    """What goes on the record of a refusal of dispatch's own."""
    return Denial(
        said_by="dispatch", asked=asked, code=denied.code, subject=actor.subject, client=actor.client,
        credential=actor.credential, permission=denied.permission or None, rule=denied.rule_broken or None,
        purpose=actor.purpose, about=denied.about or None, jurisdiction=denied.place or None,
    )  # fmt: skip


def told_denials(said_by: str, told: Sequence[Any]) -> list[Denial]:
    """The denials that another part tells of. Raises InvalidMessage, Invalid."""
    if not isinstance(told, list) or len(told) > MOST_DENIALS:
        raise Invalid("invalid_input", f"denials is a list of at most {MOST_DENIALS}", field="denials", rule="type")
    return [Denial(said_by=said_by, **check(_TOLD, each)) for each in told]


def list_denials(
    reading: Reading, actor: Actor, filters: Mapping[str, Any], limit: int = 100, cursor: str | None = None
) -> View:
    """Denied requests, newest first. Raises Forbidden, and Invalid for a bad limit, cursor or filter."""
    held(actor, "audit.read")
    most(limit, MOST_DENIALS)
    known = {name: value for name, value in filters.items() if value is not None}
    if unknown := known.keys() - _FILTERS:
        raise Invalid("unknown_field", f"there is no such filter: {min(unknown)}", rule="unknown_field")
    for name in ("since", "until"):
        if name in known:
            known[name] = moment(known[name], name)
    try:
        rows, following = reading.denials(DenialFilters(**known), limit, cursor)
    except ValueError as error:
        raise Invalid("invalid_input", "the cursor is not one of ours", field="cursor", rule="cursor") from error
    return {"denials": rows, "next_cursor": following}
