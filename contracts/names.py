"""Names on the wire: owners, exchanges, event types and the rule that ties them together.

An event's type is its routing key: ``wangge.<owner>.<aggregate>.<past_tense>.v<n>``. One topic exchange per owner for
events, one for commands where an owner takes them over AMQP. Every event also lands in the one stream.
"""

import re

DISPATCH = "dispatch"
REGISTRY = "registry"
OWNERS = (DISPATCH, REGISTRY)

STREAM = "events"
DISPATCH_COMMANDS = f"{DISPATCH}.commands"
CONTENT_TYPE_COMMAND = "application/json"
CONTENT_TYPE_EVENT = "application/cloudevents+json"

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
    """The wire name of an event, which is also its routing key."""
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
