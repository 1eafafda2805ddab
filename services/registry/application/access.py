"""Which nodes of the tree an actor may read about: those in its jurisdictions, and those above them.

The codes of divisions are published: who asks for another one's is told that it is not theirs, and not that there is
none.
"""

from __future__ import annotations

from chassis.actor import Actor
from contracts.rights.deciding import reach_of
from contracts.rights.roles import AREA, COUNTY
from services.registry.domain.errors import Refusal


def areas_of(actor: Actor) -> tuple[str, ...]:
    """The prefixes that the database itself lets a look for this actor see (row level security)."""
    reach = reach_of(actor, "grid.read") | reach_of(actor, "post.read") | reach_of(actor, "centre.read")
    return ("",) if COUNTY in reach else actor.within("") if AREA in reach else ()


def sees(actor: Actor, permission: str, code: str) -> bool:
    """Whether a permission reaches a node."""
    reach = reach_of(actor, permission)
    if COUNTY in reach:
        return True
    return AREA in reach and (actor.covers(code) or any(each.startswith(code) for each in actor.jurisdictions))


def reaches(actor: Actor, permission: str, code: str) -> bool:
    """Whether a permission reaches what belongs to a node: its posts and centres."""
    reach = reach_of(actor, permission)
    return COUNTY in reach or (AREA in reach and actor.covers(code))


def refuse_unless(held: bool, actor: Actor, permission: str) -> None:  # noqa: FBT001 (it is the question)
    """Raises Refusal `forbidden`, naming the rule: the role, or how far it reaches."""
    if held:
        return
    rule, why = (
        ("jurisdiction", "does not reach this for you") if reach_of(actor, permission) else ("role", "is not yours")
    )
    raise Refusal("forbidden", "forbidden", f"{permission} {why}", rule=rule, permission=permission)
