"""A post (岗位) in a grid, with its A and B holder, and the 1+3+N staffing of a grid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from services.registry.domain.codes import Level, level_of
from services.registry.domain.errors import Refusal, broken
from services.registry.domain.versions import Versioned

POST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,63}")
REFERENCE = re.compile(r"[A-Za-z][A-Za-z0-9._:-]{2,63}")


class Role(StrEnum):
    """网格长, 专职网格员, 兼职网格员, 社区民警, 网格辅警, 微网格长, 调解员, 楼道长, 房东, 志愿者."""

    GRID_LEAD = "grid_lead"
    FULL_TIME_WORKER = "full_time_worker"
    PART_TIME_WORKER = "part_time_worker"
    COMMUNITY_POLICE = "community_police"
    AUXILIARY_POLICE = "auxiliary_police"
    MICRO_GRID_LEAD = "micro_grid_lead"
    MEDIATOR = "mediator"
    BUILDING_HEAD = "building_head"
    LANDLORD = "landlord"
    VOLUNTEER = "volunteer"


POLICE = frozenset({Role.COMMUNITY_POLICE, Role.AUXILIARY_POLICE})
# The 1 and the 3 belong to a grid as a whole; the N may sit in a micro-grid.
GRID_ROLES = frozenset({Role.GRID_LEAD, Role.FULL_TIME_WORKER, Role.PART_TIME_WORKER}) | POLICE


@dataclass(frozen=True, slots=True)
class PostFacts:
    """Holders are opaque references of people, never names; None is a vacancy. ``a_absent``: B takes over."""

    grid_code: str
    role: str
    a_holder: str | None
    b_holder: str | None
    a_absent: bool = False


class Post(Versioned[PostFacts]):
    """A post under its id."""

    def refusals(self, facts: PostFacts) -> Iterator[Refusal]:
        """Rules that need nothing but the post."""
        if not POST_ID.fullmatch(self.key):
            yield broken("post_id", "post_id", "a post's id is 3 to 64 letters, digits, dots, underscores or hyphens")
        yield from _role_refusals(facts)
        for field, holder in (("a_holder", facts.a_holder), ("b_holder", facts.b_holder)):
            # A reference starts with a letter, so that neither a telephone nor an ID number passes for one.
            if holder is not None and not REFERENCE.fullmatch(holder):
                yield broken(
                    "opaque_reference",
                    field,
                    "a holder is an opaque reference such as staff-000123, not a name or a number",
                )
        if facts.a_holder is not None and facts.a_holder == facts.b_holder:
            yield broken("two_holders", "b_holder", "nobody stands in for oneself")


def _role_refusals(facts: PostFacts) -> Iterator[Refusal]:
    if facts.role not in frozenset(Role):
        yield broken("post_role", "role", f"{facts.role[:40]!r} is not a role")
        return
    try:
        level = level_of(facts.grid_code)
    except Refusal:
        yield broken("code_shape", "grid_code", "a grid code is 6, 9, 12, 15 or 17 digits")
        return
    wanted = (Level.GRID,) if facts.role in GRID_ROLES else (Level.GRID, Level.MICRO_GRID)
    wanted = (Level.MICRO_GRID,) if facts.role == Role.MICRO_GRID_LEAD else wanted
    if level not in wanted:
        yield broken("post_level", "grid_code", f"a {facts.role} is not posted to a {level}", level=level.value)


def staffing_refusals(grid_code: str, posts: Iterable[PostFacts]) -> Iterator[Refusal]:
    """The 1+3+N of one grid: one lead; a full-time worker, a part-time worker and police; then as many as it needs.

    A vacant post counts: the model is about posts, vacancies are shown elsewhere.
    """
    roles = [post.role for post in posts]
    leads = roles.count(Role.GRID_LEAD)
    if leads != 1:
        yield broken(
            "staffing_1_3_n", "role", f"{grid_code} has {leads} grid leads, not one", missing=f"网格长有 {leads} 名"
        )
    for role, label in ((Role.FULL_TIME_WORKER, "专职网格员"), (Role.PART_TIME_WORKER, "兼职网格员")):
        if role not in roles:
            yield broken("staffing_1_3_n", "role", f"{grid_code} has no {role}", missing=f"缺{label}")
    if not POLICE.intersection(roles):
        yield broken("staffing_1_3_n", "role", f"{grid_code} has no police post", missing="缺社区民警或网格辅警")
