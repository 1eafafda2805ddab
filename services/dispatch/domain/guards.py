"""Refusals that several changes of an incident share."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from services.dispatch.domain.errors import Conflict
from services.dispatch.domain.incident import Incident
from services.dispatch.domain.stamps import Report, Stamp, judge
from services.dispatch.domain.states import IncidentState

# The incident's own stages in the order in which they happen within one cycle.
_ORDER = ("received", "pushed", "reopened", "acknowledged", "resolved", "fed_back", "closed", "archived")
# These come after whatever has happened so far.
_LAST = frozenset({"reopened", "cancelled"})


def refuse_unless(incident: Incident, allowed: Collection[IncidentState], action: str) -> None:
    """Raises Conflict `incident_merged` (naming the root) or `impossible_transition` unless the state is allowed."""
    if incident.state in allowed:
        return
    if incident.state is IncidentState.MERGED:
        into = str(incident.merged_into)
        raise Conflict(
            "incident_merged",
            f"cannot {action}: the incident stands under another one",
            incident_id=str(incident.id),
            into=into,
        )
    raise Conflict(
        "impossible_transition", f"cannot {action} an incident that is {incident.state}", field="command",
        rule=f"states.{action}", incident_id=str(incident.id), state=str(incident.state),
        allowed=[state.value for state in IncidentState if state in allowed],
    )  # fmt: skip


def refuse_repeat(incident: Incident, stage: str) -> None:
    """Raises Conflict `already_<stage>` when somebody has reported the stage before."""
    stamp = incident.stamps.get(stage)
    if stamp is not None and "implied" not in stamp.flags:
        raise Conflict(
            f"already_{stage}",
            f"the incident is already {stage.replace('_', ' ')}",
            incident_id=str(incident.id),
            state=str(incident.state),
        )


def stamp_for(incident: Incident, stage: str, report: Report) -> Stamp:
    """The stamp of an incident's own stage, flagged or refused (Invalid) by the policy's stamp rules; sets nothing."""
    previous, following = neighbours(incident, stage)
    rules = incident.policy.stamp_rules
    flags = judge(report, rules, previous=previous, following=following, backfill=incident.backfill)
    return Stamp(report.occurred_at, report.recorded_at, report.by, report.source, flags)


def neighbours(incident: Incident, stage: str) -> tuple[datetime | None, datetime | None]:
    """The latest of the stages before and the earliest of the stages after, as far as they are known (effective)."""
    if stage in _LAST:
        return max(stamp.effective for stamp in incident.stamps.values()), None
    place = _ORDER.index(stage)
    earlier, later = _ORDER[:place], _ORDER[place + 1 :]
    if stage == "pushed" and _pushed_after_reopening(incident):
        earlier, later = (*earlier, "reopened"), later[1:]
    before = [at for name in earlier if (at := incident.at(name)) is not None]
    after = [stamp.effective for name in later if (stamp := incident.stamps.get(name)) and "implied" not in stamp.flags]
    if stage == "resolved":
        before += [at for at in (incident.roster.first("arrived", cycle=incident.cycle),) if at is not None]
    if stage == "pushed":
        after += [at for at in (incident.roster.first("assigned", cycle=incident.cycle),) if at is not None]
    return max(before, default=None), min(after, default=None)


def _pushed_after_reopening(incident: Incident) -> bool:
    # An incident cancelled before its push and then reopened: the push comes after, for once.
    reopened, pushed = incident.stamps.get("reopened"), incident.stamps.get("pushed")
    return reopened is not None and (pushed is None or pushed.recorded_at >= reopened.recorded_at)


def refuse_future(incident: Incident, report: Report) -> None:
    """Raises Invalid `stamp_in_future` for changes that leave no stamp of their own."""
    judge(report, incident.policy.stamp_rules, previous=None, following=None, backfill=incident.backfill)


def flagged(stamp: Stamp) -> dict[str, list[str]]:
    """The `flags` member of an event, when there is something odd to tell."""
    return {"flags": list(stamp.flags)} if stamp.flags else {}
