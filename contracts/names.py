"""Names on the wire: owners, exchanges, event types and the rule that ties them together.

An event's type is ``wangge.<owner>.<aggregate>.<past_tense>.v<n>``; its routing key is the type, and where it has a
jurisdiction the county and the town as two more words. One topic exchange per owner for events, one for commands where
an owner takes them over AMQP. Every event also lands in the one stream.
"""

import re
from functools import lru_cache

DISPATCH = "dispatch"
REGISTRY = "registry"
OWNERS = (DISPATCH, REGISTRY)

STREAM = "events"
DISPATCH_COMMANDS = f"{DISPATCH}.commands"
CONTENT_TYPE_COMMAND = "application/json"
CONTENT_TYPE_EVENT = "application/cloudevents+json"

COUNTY_DIGITS, TOWN_DIGITS = 6, 9
"""Of a grid code: its first digits are the county's, its first nine the town's."""

TYPE_RULE = re.compile(
    r"wangge\.(?P<owner>[a-z]+)\.(?P<aggregate>[a-z_]+)\.(?P<fact>[a-z_]+)\.v(?P<version>[1-9][0-9]*)"
)

INCIDENT_FACTS = (
    "received",
    "pushed",
    "acknowledged",
    "assigned",
    "accepted",
    "refused",
    "offer_expired",
    "withdrawn",
    "departed",
    "arrived",
    "cleared",
    "resolved",
    "fed_back",
    "closed",
    "archived",
    "cancelled",
    "reopened",
    "merged",
    "unmerged",
    "handed_over",
    "escalated",
    "clock_warned",
    "breached",
    "breach_withdrawn",
    "corrected",
    "contact_read",
    "note_added",
)
TEAM_FACTS = ("created", "changed", "moved")
REGISTRY_AGGREGATES = ("grid", "centre", "post")


def event_type(owner: str, aggregate: str, fact: str, version: int = 1) -> str:
    """The wire name of an event."""
    return f"wangge.{owner}.{aggregate}.{fact}.v{version}"


def incident_event(fact: str) -> str:
    """`incident_event("assigned")` is ``wangge.dispatch.incident.assigned.v1``."""
    return event_type(DISPATCH, "incident", fact)


def team_event(fact: str) -> str:
    """`team_event("moved")` is ``wangge.dispatch.team.moved.v1``."""
    return event_type(DISPATCH, "team", fact)


def registry_event(aggregate: str) -> str:
    """`registry_event("grid")` is ``wangge.registry.grid.changed.v1``."""
    return event_type(REGISTRY, aggregate, "changed")


@lru_cache(16_384)
def _routing_key(type_: str, county: str, town: str) -> str:
    return ".".join(word for word in (type_, county, town) if word)


def routing_key(type_: str, jurisdiction: str | None) -> str:
    """The key of an event: ``wangge.dispatch.incident.received.v1.330784.001``.

    No finer than the town, so that there are few keys and the relay makes each once. Bind with ``#`` at the end.
    """
    code = jurisdiction or ""
    return _routing_key(type_, code[:COUNTY_DIGITS], code[COUNTY_DIGITS:TOWN_DIGITS])


def in_jurisdiction(pattern: str, jurisdiction: str | None) -> str:
    """Binding pattern for the events of `pattern` (a topic pattern of types) in a county or a town.

    Raises ValueError for a code that is neither.
    """
    types = pattern if pattern == "#" else f"{pattern.removesuffix('.#')}.#"
    if jurisdiction is None:
        return types
    if not re.fullmatch(rf"[0-9]{{{COUNTY_DIGITS}}}([0-9]{{{TOWN_DIGITS - COUNTY_DIGITS}}})?", jurisdiction):
        raise ValueError(f"a routing key knows counties and towns, 6 or 9 digits, unlike {jurisdiction!r}")
    county, town = jurisdiction[:COUNTY_DIGITS], jurisdiction[COUNTY_DIGITS:]
    return f"{types}.{county}.{town or '#'}"


def owner_of(type_: str) -> str:
    """The owner in an event type. Raises ValueError when `type_` breaks the naming rule."""
    match = TYPE_RULE.fullmatch(type_)
    if match is None:
        raise ValueError(f"{type_!r} is not wangge.<owner>.<aggregate>.<past_tense>.v<n>")
    return match["owner"]


def source_of(owner: str) -> str:
    """CloudEvents source of an owner: ``/dispatch``."""
    return f"/{owner}"


def events_exchange(owner: str) -> str:
    """The topic exchange that an owner publishes its events to."""
    return f"{owner}.events"


def commands_exchange(owner: str) -> str:
    """The topic exchange that an owner takes commands from."""
    return f"{owner}.commands"


def facts(owner: str, aggregate: str) -> str:
    """Binding pattern for every event of one aggregate, any version: ``wangge.registry.grid.#``."""
    return f"wangge.{owner}.{aggregate}.#"
